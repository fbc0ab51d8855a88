/**
 * Paths inside a container's file system, resolved so that they cannot leave it. The walk goes component by component over
 * open descriptors, reads symbolic links itself and takes '..' from its own stack: whatever a process in the container
 * renames or replaces meanwhile, no step starts from the host's root. Volumes are entered where they are mounted.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, type BigIntStats } from 'node:fs';
import { posix } from 'node:path';
import { CausewayError, errorCode, invalid, notFound, systemError } from '../base/errors.ts';

/** A file system as the container sees it. */
export interface RootView {
  /** The merged directory. */
  readonly root: string;
  /** What is mounted in it: host paths by absolute destination. */
  readonly mounts?: readonly { readonly source: string; readonly destination: string; readonly readonly: boolean }[];
}

const O_PATH = 0o10000000;
const OPEN = O_PATH | constants.O_NOFOLLOW;
const MAX_LINKS = 255;

interface Step {
  readonly name: string; // '' for the root
  readonly fd: number;
  readonly mountSource?: string;
}

/** A place that was found. Close it. */
export class RootPath {
  readonly #steps: Step[];
  readonly stats: BigIntStats;

  constructor(steps: Step[]) {
    this.#steps = steps;
    this.stats = fstatSync(this.fd, { bigint: true });
  }

  /** An O_PATH descriptor of it. */
  get fd(): number {
    return this.#steps.at(-1)!.fd;
  }

  /** The same as a path that programs can use while this is open. */
  get hostPath(): string {
    return `/proc/self/fd/${this.fd}`;
  }

  /** In the container, absolute, without symbolic links. */
  get path(): string {
    return logicalPath(this.#steps);
  }

  get name(): string {
    return this.#steps.at(-1)!.name;
  }

  get isDirectory(): boolean {
    return this.stats.isDirectory();
  }

  /** The directory of a file and its name there: the host's where the file is mounted. */
  locate(): { directory: string; member: string; close: () => void } {
    const step = this.#steps.at(-1)!;
    if (step.mountSource === undefined) {
      const parent = this.#steps.at(-2);
      if (!parent) throw systemError('the root is no file');
      return { directory: `/proc/self/fd/${parent.fd}`, member: step.name, close: () => {} };
    }
    const fd = openSync(posix.dirname(step.mountSource), O_PATH | constants.O_DIRECTORY);
    return { directory: `/proc/self/fd/${fd}`, member: posix.basename(step.mountSource), close: () => closeSync(fd) };
  }

  close(): void {
    closeAll(this.#steps.splice(0));
  }
}

function logicalPath(steps: readonly Step[]): string {
  return `/${steps.slice(1).map((step) => step.name).join('/')}`;
}

function closeAll(steps: readonly Step[]): void {
  for (const step of steps) closeSync(step.fd);
}

/** 'a' and '/a/./b/' as lists of components. */
export function pathComponents(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

interface Walk {
  readonly steps: Step[];
  /** The components that were not found, from the first on. */
  readonly missing: readonly string[];
  readonly cause: unknown;
}

function walk(view: RootView, path: string, followLast: boolean): Walk {
  if (path.includes('\0')) throw invalid('invalid path: it has a NUL byte');
  const steps: Step[] = [{ name: '', fd: openSync(view.root, O_PATH | constants.O_DIRECTORY) }];
  const todo = pathComponents(path);
  let links = 0;
  try {
    for (let name = todo.shift(); name !== undefined; name = todo.shift()) {
      if (name === '..') {
        if (steps.length > 1) closeSync(steps.pop()!.fd);
        continue;
      }
      try {
        const step = enter(view, steps, name);
        if (!fstatSync(step.fd).isSymbolicLink()) {
          steps.push(step);
          continue;
        }
        if (todo.length === 0 && !followLast) {
          steps.push(step);
          break;
        }
        closeSync(step.fd);
      } catch (error) {
        if (!['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) throw error;
        return { steps, missing: [name, ...todo], cause: error };
      }
      if (++links > MAX_LINKS) throw systemError(`${path}: too many levels of symbolic links`);
      const target = readlinkSync(child(steps, name));
      if (target.startsWith('/')) closeAll(steps.splice(1));
      todo.unshift(...pathComponents(target));
    }
    return { steps, missing: [], cause: undefined };
  } catch (error) {
    closeAll(steps);
    if (error instanceof CausewayError) throw error;
    throw systemError(`${path}: ${(error as Error).message}`, error);
  }
}

/**
 * Finds `path`. A symbolic link at the end is followed only if asked, or if the path ends in '/' or '/.'. Throws
 * `notFound` if there is nothing, `system` for other failures.
 */
export function resolveInRoot(view: RootView, path: string, options: { followLast: boolean }): RootPath {
  const mustBeDirectory = /\/\.?$/.test(path) && pathComponents(path).length > 0;
  const { steps, missing, cause } = walk(view, path, options.followLast || mustBeDirectory);
  if (missing.length > 0) {
    closeAll(steps);
    throw notFound(`${path}: no such file or directory`, cause);
  }
  const found = new RootPath(steps);
  if (!mustBeDirectory || found.isDirectory) return found;
  found.close();
  throw systemError(`${path}: not a directory`);
}

/** Where `path` leads, as a path in the container: what is missing at the end is taken as it is written. */
export function evaluateInRoot(view: RootView, path: string): string {
  const { steps, missing } = walk(view, path, true);
  const parts = pathComponents(logicalPath(steps));
  closeAll(steps);
  for (const part of missing) {
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}

function child(steps: readonly Step[], name: string): string {
  return `/proc/self/fd/${steps.at(-1)!.fd}/${name}`;
}

function enter(view: RootView, steps: readonly Step[], name: string): Step {
  const logical = logicalPath([...steps, { name, fd: -1 }]);
  // The last mount on a destination is the one on top.
  const mount = view.mounts?.findLast((candidate) => `/${pathComponents(candidate.destination).join('/')}` === logical);
  if (mount) return { name, fd: openSync(mount.source, O_PATH), mountSource: mount.source };
  return { name, fd: openSync(child(steps, name), OPEN) };
}
