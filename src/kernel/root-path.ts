/**
 * Paths inside a container's file system, resolved so that they cannot leave it. The walk goes component by component
 * over open descriptors, reads symbolic links itself and takes '..' from its own stack: whatever a process in the
 * container renames or replaces meanwhile, no step starts from the host's root. Volumes are entered where they are
 * mounted.
 *
 * Names are bytes: inside, a path is a latin1 string, a character a byte.
 */
import { fstatSync, readlinkSync, type BigIntStats } from 'node:fs';
import { CausewayError, errorCode, invalid, notFound, systemError } from '../base/errors.ts';
import { closeFd, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, openFd } from './descriptors.ts';
import { check, errnoNumber, KernelError } from './errors.ts';
import { openatBytes, readlinkat } from './ffi.ts';
import { openInRoot } from './open-in-root.ts';
import { mountIdOf, silentMountError } from './silent-mounts.ts';

/** What is mounted at a place in a container: a file or directory of the host, and a path inside of it. */
export interface RootMount {
  readonly source: string;
  /** Resolved inside `source`; absent: that itself. */
  readonly subpath?: string;
  readonly destination: string;
  readonly readonly: boolean;
}

/** A file system as the container sees it. */
export interface RootView {
  /** The merged directory. */
  readonly root: string;
  readonly mounts?: readonly RootMount[];
  /**
   * Numbers of mounts that do not answer: a path into one is refused. Only a process that others may block uses this.
   */
  readonly silent?: readonly number[];
}

const MAX_LINKS = 255;
export const MAX_PATH_BYTES = 4096;

interface Step {
  readonly name: string; // '' for the root
  readonly fd: number;
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

  /** The same as a path that this process can use while this is open. */
  get hostPath(): string {
    return `/proc/self/fd/${this.fd}`;
  }

  /** In the container, absolute, without symbolic links. */
  get path(): string {
    return asText(this.bytePath);
  }

  get bytePath(): string {
    return logicalPath(this.#steps);
  }

  get isDirectory(): boolean {
    return this.stats.isDirectory();
  }

  close(): void {
    closeAll(this.#steps.splice(0));
  }
}

/** 'ä' for its two bytes. */
export const asText = (bytes: string): string => Buffer.from(bytes, 'latin1').toString();
export const asBytes = (text: string): string => Buffer.from(text).toString('latin1');
/** As the C library takes it. */
export const nameBuffer = (bytes: string): Buffer => Buffer.from(`${bytes}\0`, 'latin1');

function logicalPath(steps: readonly Step[]): string {
  return `/${steps
    .slice(1)
    .map((step) => step.name)
    .join('/')}`;
}

function closeAll(steps: readonly Step[]): void {
  for (const step of steps) closeFd(step.fd);
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

/** `path` is bytes. */
function walk(view: RootView, path: string, followLast: boolean): Walk {
  if (path.includes('\0')) throw invalid('invalid path: it has a NUL byte');
  if (path.length > MAX_PATH_BYTES) throw invalid('file name too long');
  const steps: Step[] = [{ name: '', fd: openFd(view.root, O_PATH | O_DIRECTORY) }];
  const todo = pathComponents(path);
  let links = 0;
  let depthBytes = 0; // of where the walk is, as an absolute path
  try {
    for (let name = todo.shift(); name !== undefined; name = todo.shift()) {
      if (name === '..') {
        if (steps.length > 1) {
          const left = steps.pop()!;
          depthBytes -= left.name.length + 1;
          closeFd(left.fd);
        }
        continue;
      }
      try {
        const step = { name, fd: enter(view, steps, name) };
        if (!fstatSync(step.fd).isSymbolicLink()) {
          steps.push(step);
          depthBytes += name.length + 1;
          // Links can reach deeper than any path: a descriptor for each of half a million directories, and minutes to
          // look for mounts on the way.
          if (depthBytes > MAX_PATH_BYTES) throw invalid('file name too long');
          continue;
        }
        if (todo.length === 0 && !followLast) {
          steps.push(step);
          break;
        }
        if (++links > MAX_LINKS) {
          closeFd(step.fd);
          throw systemError(
            `${asText(path)}: too many levels of symbolic links`,
            new KernelError('open', errnoNumber('ELOOP')),
          );
        }
        const target = readLink(step.fd);
        closeFd(step.fd);
        if (target.startsWith('/')) {
          closeAll(steps.splice(1));
          depthBytes = 0;
        }
        todo.unshift(...pathComponents(target));
      } catch (error) {
        if (!['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) throw error;
        return { steps, missing: [name, ...todo], cause: error };
      }
    }
    return { steps, missing: [], cause: undefined };
  } catch (error) {
    closeAll(steps);
    if (errorCode(error) === undefined && error instanceof CausewayError) throw error;
    throw systemError(`${asText(path)}: ${(error as Error).message}`, error);
  }
}

const linkBuffer = Buffer.alloc(MAX_PATH_BYTES);
const NOTHING = Buffer.from('\0');

/** Of the very link that the O_PATH descriptor names, in bytes. */
export function readLink(fd: number): string {
  const size = check(readlinkat(fd, NOTHING, linkBuffer, linkBuffer.length), 'read a symbolic link');
  return linkBuffer.toString('latin1', 0, size);
}

/**
 * Finds `path`. A symbolic link at the end is followed only if asked, or if the path ends in '/' or '/.'. Throws
 * `notFound` if there is nothing, `system` for other failures.
 */
export function resolveInRoot(view: RootView, path: string, options: { followLast: boolean }): RootPath {
  return resolveBytes(view, asBytes(path), options);
}

/** The same for a path of bytes. */
export function resolveBytes(view: RootView, path: string, options: { followLast: boolean }): RootPath {
  const mustBeDirectory = /\/\.?$/.test(path) && pathComponents(path).length > 0;
  const { steps, missing, cause } = walk(view, path, options.followLast || mustBeDirectory);
  if (missing.length > 0) {
    closeAll(steps);
    throw notFound(`${asText(path)}: no such file or directory`, cause);
  }
  const found = new RootPath(steps);
  if (!mustBeDirectory || found.isDirectory) return found;
  found.close();
  throw systemError(`${asText(path)}: not a directory`);
}

/**
 * The directory at `path`, a path of bytes; what is missing of it is made by `make`, which gets the parent's
 * descriptor.
 */
export function resolveOrMakeDirectory(
  view: RootView,
  path: string,
  make: (parentFd: number, name: string) => void,
): RootPath {
  const { steps, missing } = walk(view, path, true);
  try {
    for (const name of missing) {
      if (name === '..') throw systemError(`${asText(path)}: no such file or directory`);
      make(steps.at(-1)!.fd, name);
      steps.push({ name, fd: openChild(steps.at(-1)!.fd, name, O_DIRECTORY) });
    }
    const found = new RootPath([...steps]);
    if (!found.isDirectory)
      throw systemError(`${asText(path)}: not a directory`, new KernelError('open', errnoNumber('ENOTDIR')));
    return found;
  } catch (error) {
    closeAll(steps);
    throw error;
  }
}

/** What `path` resolves to, as a path in the container: what is missing at the end is taken as it is written. */
export function evaluateInRoot(view: RootView, path: string): string {
  const { steps, missing } = walk(view, asBytes(path), true);
  const parts = pathComponents(logicalPath(steps));
  closeAll(steps);
  for (const part of missing) {
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return asText(`/${parts.join('/')}`);
}

/**
 * The view with every mount where it truly is: the runtime follows the container's symbolic links to its target, inside
 * of the root, and through what is mounted before it.
 */
export function placeMounts(view: RootView): RootView {
  const placed: RootMount[] = [];
  for (const mount of view.mounts ?? []) {
    placed.push({ ...mount, destination: evaluateInRoot({ ...view, mounts: placed }, mount.destination) });
  }
  return { ...view, mounts: placed };
}

/** O_PATH descriptor of what is mounted. */
export function openMountSource({ source, subpath }: RootMount): number {
  const fd = openFd(source, O_PATH);
  if (subpath === undefined || subpath === '') return fd;
  try {
    return openInRoot(fd, subpath, { beneath: true });
  } finally {
    closeFd(fd);
  }
}

/** O_PATH descriptor of what has that name, itself if it is a link. */
export function openChild(parentFd: number, name: string, flags = 0): number {
  return check(
    openatBytes(parentFd, nameBuffer(name), O_PATH | O_NOFOLLOW | O_CLOEXEC | flags, 0),
    `open ${asText(name)}`,
  );
}

const mountMaps = new WeakMap<RootView, ReadonlyMap<string, RootMount>>();

/** The mount at a path of bytes; the last one on a destination is the one on top. */
export function mountAt(view: RootView, bytePath: string): RootMount | undefined {
  if (!view.mounts?.length) return undefined;
  let map = mountMaps.get(view);
  if (!map) {
    map = new Map(view.mounts.map((mount) => [`/${pathComponents(asBytes(mount.destination)).join('/')}`, mount]));
    mountMaps.set(view, map);
  }
  return map.get(bytePath);
}

function enter(view: RootView, steps: readonly Step[], name: string): number {
  const mount = view.mounts?.length ? mountAt(view, logicalPath([...steps, { name, fd: -1 }])) : undefined;
  const fd = mount ? openMountSource(mount) : openChild(steps.at(-1)!.fd, name);
  if (view.silent?.length) refuseSilent(fd, view.silent);
  return fd;
}

function refuseSilent(fd: number, silent: readonly number[]): void {
  if (!silent.includes(mountIdOf(fd))) return;
  const path = readlinkSync(`/proc/self/fd/${fd}`);
  closeFd(fd);
  throw silentMountError(path);
}
