/**
 * Files and directories of the host that containers mount: what they are, and creating missing ones. Their file systems
 * are foreign, and may not respond at all: small programs do this, whose time is bounded (kernel/silent-mounts.ts).
 */
import { invalid, systemError } from '../base/errors.ts';
import { hostCodeOf, hostFailure } from '../base/host-errors.ts';
import { KernelError } from '../kernel/errors.ts';
import { mountPoints } from '../kernel/mount.ts';
import { runInMountNamespace } from '../kernel/mount-namespace.ts';
import { SilentMountError, type SilentMounts } from '../kernel/silent-mounts.ts';
import { checkPropagation, passesMounts } from './mount-propagation.ts';
import { mountPassing } from './subpath-mounts.ts';
import { runQuickly, type QuickResult } from './quick-program.ts';

export type SourceKind = 'directory' | 'file' | 'absent';

export class MountSources {
  readonly #silent: SilentMounts;
  readonly #host: string;
  /** By path: concurrent requests for the same one share the answer. */
  readonly #looks = new Map<string, Promise<SourceKind>>();

  /** `host`: the path of the mount namespace that the daemon was started in. */
  constructor(silent: SilentMounts, host: string) {
    this.#silent = silent;
    this.#host = host;
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
    // Where links lead, and what is mounted, is the host's to say: the daemon may not have what was mounted lately.
    const { code, output } = await this.#run(source, '/usr/bin/realpath', ['--', source], this.#host);
    if (code !== 0) throw systemError(`lstat ${source}: ${reasonOf(output)}`, failureOf(reasonOf(output)));
    const points = runInMountNamespace(this.#host, () => mountPoints());
    checkPropagation({ source, real: output, propagation }, points);
  }

  /**
   * The source as the host has it, at a place in the directory: mounts pass between the two as the propagation says.
   * To be asked for after a look at it has been answered.
   */
  mountPassing(
    directory: string,
    source: string,
    options: { recursive: boolean; propagation: string },
  ): { place: string; isFile: boolean } {
    const back = options.propagation.endsWith('shared');
    return mountPassing(directory, { namespace: this.#host, source, recursive: options.recursive, back });
  }

  /**
   * The same for a look at it: the place. Undefined: it has gone, or does not answer, and who looks at the source itself
   * is told so.
   */
  async lendPassing(directory: string, source: string, options: { recursive: boolean }): Promise<string | undefined> {
    try {
      if (!(await this.isThere(source))) return undefined;
      // What the host unmounts meanwhile is not held on to.
      return this.mountPassing(directory, source, { ...options, propagation: 'rslave' }).place;
    } catch (error) {
      if (error instanceof SilentMountError || error instanceof KernelError) return undefined;
      throw error;
    }
  }

  /** `namespace`: the path of another mount namespace that the program is to be in. */
  #run(path: string, file: string, args: readonly string[], namespace?: string): Promise<QuickResult> {
    return this.#silent.visit(path, () => {
      let pid = 0;
      const begin = () => ({ done: runQuickly(file, args, (started) => (pid = started)) });
      const { done } = namespace === undefined ? begin() : runInMountNamespace(namespace, begin);
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
