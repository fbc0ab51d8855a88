/**
 * The directories that an archive's entries are in. Where nothing is mounted in the tree the kernel finds each with one
 * call, however deep it is; a walk in this process, component by component, makes a layer of deep directories cost the
 * square of their depth. Where the kernel finds nothing, or there are volumes, the walk decides.
 */
import { closeFd, O_DIRECTORY, O_NOFOLLOW, O_PATH, openFd } from '../kernel/descriptors.ts';
import { isKernelError } from '../kernel/errors.ts';
import { openBytesInRoot } from '../kernel/open-in-root.ts';
import {
  MAX_PATH_BYTES,
  nameBuffer,
  openChild,
  resolveBytes,
  resolveOrMakeDirectory,
  type RootView,
} from '../kernel/root-path.ts';
import { makeDirectory } from '../kernel/tree-writer.ts';

/** Close it. */
export interface FoundDirectory {
  readonly fd: number;
  /** Absolute in the view. */
  readonly bytePath: string;
  close(): void;
}

const IMPLIED_MODE = 0o755;

export class EntryDirectories {
  readonly #view: RootView;
  #root: number | undefined;

  constructor(view: RootView) {
    this.#view = view;
  }

  /** Links are followed inside the tree; what is missing is made. `path` is bytes, absolute, without '..'. */
  findOrMake(path: string): FoundDirectory {
    return (
      this.#open(path) ??
      this.#makeMissing(path) ??
      resolveOrMakeDirectory(this.#view, path, (fd, name) => makeDirectory(fd, name, IMPLIED_MODE))
    );
  }

  /** @throws notFound */
  find(path: string): FoundDirectory {
    return this.#open(path) ?? resolveBytes(this.#view, path, { followLast: true });
  }

  /** A descriptor for reading of the very directory at the path, never of one that a link points to. */
  reopen(path: string): number {
    if (!this.#view.mounts?.length)
      return openBytesInRoot(this.#rootFd(), nameBuffer(path), { flags: O_DIRECTORY | O_NOFOLLOW });
    const found = resolveBytes(this.#view, path, { followLast: false });
    try {
      return openFd(found.hostPath, O_DIRECTORY);
    } finally {
      found.close();
    }
  }

  close(): void {
    if (this.#root !== undefined) closeFd(this.#root);
    this.#root = undefined;
  }

  #rootFd(): number {
    return (this.#root ??= openFd(this.#view.root, O_PATH | O_DIRECTORY));
  }

  /** Undefined: the walk has to decide. */
  #open(path: string): FoundDirectory | undefined {
    if (this.#view.mounts?.length) return undefined;
    try {
      return found(openBytesInRoot(this.#rootFd(), nameBuffer(path), { flags: O_PATH | O_DIRECTORY }), path);
    } catch (error) {
      if (isKernelError(error)) return undefined;
      throw error;
    }
  }

  /** Below the deepest directory that is there. */
  #makeMissing(path: string): FoundDirectory | undefined {
    if (this.#view.mounts?.length || path.length > MAX_PATH_BYTES) return undefined;
    let slash = path.length;
    let there: FoundDirectory | undefined;
    while (!there && slash > 0) {
      slash = path.lastIndexOf('/', slash - 1);
      there = this.#open(path.slice(0, slash) || '/');
    }
    if (!there) return undefined;
    let { fd } = there;
    try {
      for (const name of path.slice(slash + 1).split('/')) {
        makeDirectory(fd, name, IMPLIED_MODE);
        const inner = openChild(fd, name, O_DIRECTORY);
        closeFd(fd);
        fd = inner;
      }
      return found(fd, path);
    } catch (error) {
      closeFd(fd);
      if (isKernelError(error, 'EEXIST')) return undefined; // a link to what is not there: the walk makes that
      throw error;
    }
  }
}

function found(fd: number, bytePath: string): FoundDirectory {
  return { fd, bytePath, close: () => closeFd(fd) };
}
