/**
 * Files and directories of the host that containers mount: what they are, and creating missing ones. Their file systems
 * are foreign, and may not respond at all: small programs do this, whose time is bounded (kernel/silent-mounts.ts).
 */
import { invalid, systemError } from '../base/errors.ts';
import { hostCodeOf, hostFailure } from '../base/host-errors.ts';
import { mountPoints } from '../kernel/mount.ts';
import { SilentMountError, type SilentMounts } from '../kernel/silent-mounts.ts';
import { checkPropagation, passesMounts } from './mount-propagation.ts';
import { runQuickly, type QuickResult } from './quick-program.ts';

export type SourceKind = 'directory' | 'file' | 'absent';

export class MountSources {
  readonly #silent: SilentMounts;
  /** By path: concurrent requests for the same one share the answer. */
  readonly #looks = new Map<string, Promise<SourceKind>>();

  constructor(silent: SilentMounts) {
    this.#silent = silent;
  }

  /** What is there, through links. @throws systemError as 'stat PATH: permission denied'; SilentMountError */
  look(path: string): Promise<SourceKind> {
    let look = this.#looks.get(path);
    if (!look) {
      look = this.#ask(path).finally(() => this.#looks.delete(path));
      this.#looks.set(path, look);
    }
    return look;
  }

  /** Before a tree is walked: that it answers, and whatever is mounted in it. @throws SilentMountError */
  async lookThrough(directory: string): Promise<void> {
    const inside = mountPoints()
      .filter(({ target }) => target.startsWith(`${directory}/`))
      .map(({ target }) => target);
    await Promise.all([...new Set([directory, ...inside])].map((path) => this.#lookIfReached(path)));
  }

  /** Whether something is there that can be reached. @throws SilentMountError */
  async isThere(path: string): Promise<boolean> {
    return (await this.#lookIfReached(path)) !== 'absent';
  }

  /** Those of the paths at which there are files. @throws SilentMountError */
  async filesAmong(paths: readonly string[]): Promise<ReadonlySet<string>> {
    const kinds = await Promise.all(paths.map((path) => this.#lookIfReached(path)));
    return new Set(paths.filter((_, index) => kinds[index] === 'file'));
  }

  async #lookIfReached(path: string): Promise<SourceKind> {
    try {
      return await this.look(path);
    } catch (error) {
      if (error instanceof SilentMountError) throw error;
      return 'absent';
    }
  }

  /** The server itself is asked, not what is remembered of earlier answers. */
  async #ask(path: string): Promise<SourceKind> {
    const { code, output } = await this.#run(path, '/usr/bin/stat', [
      '--cached=never',
      '--dereference',
      '--format=%F',
      '--',
      path,
    ]);
    if (code === 0) return output === 'directory' ? 'directory' : 'file';
    const reason = reasonOf(output);
    if (reason === 'no such file or directory') return 'absent';
    throw systemError(`stat ${path}: ${reason}`, failureOf(reason));
  }

  /**
   * Makes a directory with its parents; what is there already, directory or not, is fine.
   * @throws invalid in Docker's words; SilentMountError
   */
  async make(path: string): Promise<void> {
    try {
      if ((await this.look(path)) !== 'absent') return;
      const { code, output } = await this.#run(path, '/bin/mkdir', ['--parents', '--', path]);
      if (code !== 0)
        throw systemError(
          `mkdir ${/cannot create directory '(.*)': [^:]*$/s.exec(output)?.[1] ?? path}: ${reasonOf(output)}`,
          failureOf(output),
        );
    } catch (error) {
      if (error instanceof SilentMountError) throw error;
      throw invalid(`error while creating mount source path '${path}': ${(error as Error).message}`, error);
    }
  }

  /** That mounts can pass as its propagation says. @throws systemError in Docker's words; SilentMountError */
  async checkPropagation(source: string, propagation: string): Promise<void> {
    if (!passesMounts(propagation)) return;
    const { code, output } = await this.#run(source, '/usr/bin/realpath', ['--', source]);
    if (code !== 0) throw systemError(`lstat ${source}: ${reasonOf(output)}`, failureOf(reasonOf(output)));
    checkPropagation({ source, real: output, propagation });
  }

  #run(path: string, file: string, args: readonly string[]): Promise<QuickResult> {
    return this.#silent.visit(path, () => {
      let pid = 0;
      const done = runQuickly(file, args, (started) => (pid = started));
      return { pid, done };
    });
  }
}

function failureOf(complaint: string): Error | undefined {
  const code = hostCodeOf(complaint);
  return code === undefined ? undefined : hostFailure(code);
}

/** The last part of what a program of coreutils complains of, as Go writes it. */
function reasonOf(output: string): string {
  const text = output.slice(output.lastIndexOf(': ') + 2);
  return text.charAt(0).toLowerCase() + text.slice(1);
}
