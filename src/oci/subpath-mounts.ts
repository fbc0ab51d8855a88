/**
 * What is to be mounted of a volume where only a path inside of it is wanted. A container that has the volume too can
 * put a symbolic link there, at any moment: the path is found once, inside the volume, and what was found is mounted at
 * a place of the engine's, which is what is passed to the runtime. It is taken away when the runtime has it in the
 * container.
 *
 * Places of one start are in a mount of their own, the room. What is mounted at a place may be shared with the host, and
 * the unmount of what is below it would be the host's, too. Something may also be mounted on top of it meanwhile, by the
 * host or by another container, and hide it from every path. So a room is cut off as a whole, down to what is hidden,
 * before it is taken away; that is also how a daemon finds what one before it has left.
 */
import { fstatSync, lstatSync, mkdirSync, readdirSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, errorMessage, invalid, notFound, systemError } from '../base/errors.ts';
import { closeFd, O_PATH, openFd } from '../kernel/descriptors.ts';
import { isKernelError, KernelError } from '../kernel/errors.ts';
import {
  attachTree,
  copyTree,
  makeTreeSlave,
  mount,
  mountDescriptor,
  setPropagation,
  unmount,
} from '../kernel/mount.ts';
import { runInMountNamespace } from '../kernel/mount-namespace.ts';
import { openMountSource } from '../kernel/root-path.ts';

/** Mounts `subpath` of the directory `source` in `directory`, under a name that answers; refusals are Docker's. */
export function mountSubpath(directory: string, source: string, subpath: string): { place: string; isFile: boolean } {
  return mountIn(directory, open(source, subpath), { recursive: true });
}

/**
 * Mounts `source` there without what is mounted below it: crun 1.8 takes that along whatever it is told. Mounts pass
 * between the two as between the source and its own peers where `passing`.
 */
export function mountAlone(directory: string, source: string, passing: boolean): { place: string; isFile: boolean } {
  return mountIn(directory, openFd(source, O_PATH), { recursive: false, passing });
}

/** The path of a mount namespace, and what is wanted of it. */
export interface PassingSource {
  readonly namespace: string;
  readonly source: string;
  /** With what is mounted below it. */
  readonly recursive: boolean;
  /** What is mounted at the place shall be mounted at the source, too, and not only the reverse. */
  readonly back: boolean;
}

/** Mounts what another mount namespace has at a path, so that mounts pass between the two where it shares them. */
export function mountPassing(directory: string, wanted: PassingSource): { place: string; isFile: boolean } {
  const { namespace, source, recursive, back } = wanted;
  const tree = runInMountNamespace(namespace, () => copyTree(source, { recursive }));
  return mountAt(directory, tree, (place) => {
    if (!back) makeTreeSlave(tree);
    attachTree(tree, place);
  });
}

function mountIn(
  directory: string,
  found: number,
  options: { recursive: boolean; passing?: boolean },
): { place: string; isFile: boolean } {
  return mountAt(directory, found, (place) => mountDescriptor(found, place, options));
}

/** Closes the descriptor. */
function mountAt(
  directory: string,
  found: number,
  attach: (place: string) => void,
): { place: string; isFile: boolean } {
  try {
    const isDirectory = fstatSync(found).isDirectory();
    const place = nextPlace(directory);
    if (isDirectory) mkdirSync(place);
    else writeFileSync(place, '', { flag: 'wx' });
    attach(place);
    return { place, isFile: !isDirectory };
  } finally {
    closeFd(found);
  }
}

/** A directory beside them for something else that is to be mounted for a start; goes away with them. */
export function makePlace(directory: string): string {
  const place = nextPlace(directory);
  mkdirSync(place);
  return place;
}

function nextPlace(directory: string): string {
  if (mkdirSync(directory, { recursive: true }) !== undefined) {
    mount({ source: 'causeway', target: directory, type: 'tmpfs', data: 'mode=700,size=64k' });
    setPropagation(directory, 'private');
  }
  return join(directory, String(readdirSync(directory).length));
}

/** Takes all of them away; none is fine. Nothing is removed recursively: what is below a mount is a volume's. */
export function unmountSubpaths(directory: string): void {
  while (isTakenOff(directory));
  // Of a daemon whose places were in no room.
  for (const name of namesIn(directory)) {
    const place = join(directory, name);
    while (isTakenOff(place));
    if (lstatSync(place).isDirectory()) rmdirSync(place);
    else unlinkSync(place);
  }
  try {
    rmdirSync(directory);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/** What starts and looks of a daemon that died have left. @returns what could not be taken away, by directory */
export function unmountSubpathsLeft(parent: string): ReadonlyMap<string, unknown> {
  const failures = new Map<string, unknown>();
  for (const name of namesIn(parent)) {
    try {
      unmountSubpaths(join(parent, name));
    } catch (error) {
      failures.set(join(parent, name), error);
    }
  }
  return failures;
}

/** True if something was mounted there. What is below goes along, and nowhere else: not even one that is covered. */
function isTakenOff(place: string): boolean {
  try {
    setPropagation(place, 'rprivate');
  } catch (error) {
    if (isKernelError(error, 'EINVAL', 'ENOENT')) return false;
    throw error;
  }
  unmount(place, { detach: true });
  return true;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function open(source: string, subpath: string): number {
  try {
    return openMountSource({ source, subpath, destination: '', readonly: false });
  } catch (error) {
    const code = errorCode(error);
    const path = `${source}/${subpath}`;
    if (code === 'EXDEV' || code === 'ELOOP')
      throw invalid(`path concatenation escapes the base directory, base: ${source}, subpath: ${subpath}`, error);
    if (code === 'ENOTDIR')
      throw systemError(
        `error while resolving symlinks in combined path ${JSON.stringify(path)}: not a directory`,
        error,
      );
    const reason =
      error instanceof KernelError
        ? `${error.reason.charAt(0).toLowerCase()}${error.reason.slice(1)}`
        : errorMessage(error);
    if (code === 'ENOENT') throw notFound(`cannot access path ${path}: lstat ${path}: ${reason}`, error);
    throw systemError(`cannot access path ${path}: ${reason}`, error);
  }
}
