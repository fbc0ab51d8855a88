/**
 * The directory where conmon leaves exit codes, one file a container. Files appear by rename, so a name that is seen is
 * complete. Watched by inotify, and read again whenever something suggests that a notice was missed: none is lost.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../base/errors.ts';

export interface ExitNotice {
  readonly code: number;
  readonly at: string; // RFC 3339
}

export class ExitDirectory {
  readonly path: string;
  readonly #watcher: FSWatcher;

  constructor(path: string, appeared: (id: string) => void) {
    this.path = path;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    this.#watcher = watch(path, { persistent: false }, (_event, name) => {
      // No name: the kernel's queue overflowed. conmon's temporary files are ID.XXXXXX.
      const ids = name === null ? readdirSync(path) : [name];
      for (const id of ids) if (!id.includes('.')) appeared(id);
    });
    this.#watcher.on('error', () => {}); // each conmon is watched as well: see Runtime
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

  forget(id: string): void {
    rmSync(join(this.path, id), { force: true });
  }

  close(): void {
    this.#watcher.close();
  }
}
