/**
 * The directory where conmon leaves exit codes, one file a container. Files appear by rename, so a name that is seen is
 * complete. Watched by inotify, and read again whenever something suggests that a notice was missed: none is lost.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../base/errors.ts';

const READ_AGAIN_MS = 200;

export interface ExitNotice {
  readonly code: number;
  readonly at: string; // RFC 3339
}

export class ExitDirectory {
  readonly path: string;
  readonly #watcher: FSWatcher;
  readonly #appeared: (id: string) => void;

  constructor(path: string, appeared: (id: string) => void) {
    this.path = path;
    this.#appeared = appeared;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    this.#watcher = watch(path, { persistent: false }, (_event, name) => {
      // No name: the kernel's queue overflowed. conmon's temporary files are ID.XXXXXX.
      const ids = name === null ? this.#names() : [name];
      for (const id of ids) if (!id.includes('.')) appeared(id);
    });
    this.#watcher.on('error', () => {}); // each conmon is watched as well: see Runtime
  }

  /** Nothing where it cannot be read just now: no operation waits for this alone. */
  #names(): string[] {
    try {
      return readdirSync(this.path);
    } catch {
      return [];
    }
  }

  read(id: string): ExitNotice | undefined {
    const file = join(this.path, id);
    try {
      const code = Number.parseInt(readFileSync(file, 'latin1'), 10);
      return { code: Number.isNaN(code) ? 255 : code & 0xff, at: statSync(file).mtime.toISOString() };
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** For events, which have no caller: what is there and cannot be read now is reported again in a moment. */
  readOrLater(id: string): ExitNotice | undefined | 'later' {
    try {
      return this.read(id);
    } catch {
      setTimeout(() => this.#appeared(id), READ_AGAIN_MS).unref();
      return 'later';
    }
  }

  /** Also what a conmon that was killed had begun to write. */
  forget(id: string): void {
    rmSync(join(this.path, id), { force: true });
    for (const name of this.#names()) if (name.startsWith(`${id}.`)) rmSync(join(this.path, name), { force: true });
  }

  close(): void {
    this.#watcher.close();
  }
}
