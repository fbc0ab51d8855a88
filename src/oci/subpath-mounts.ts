/**
 * What is to be mounted of a volume where only a path inside of it is wanted. A container that has the volume too can
 * put a symbolic link there, at any moment: the path is found once, inside the volume, and what was found is mounted at
 * a place of the engine's, which is what is passed to the runtime. It is taken away when the runtime has it in the
 * container.
 */
import { fstatSync, lstatSync, mkdirSync, readdirSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, errorMessage, invalid, notFound, systemError } from '../base/errors.ts';
import { closeFd, O_PATH, openFd } from '../kernel/descriptors.ts';
import { isKernelError, KernelError } from '../kernel/errors.ts';
import { mountDescriptor, unmount } from '../kernel/mount.ts';
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

function mountIn(
  directory: string,
  found: number,
  options: { recursive: boolean; passing?: boolean },
): { place: string; isFile: boolean } {
  try {
    const isDirectory = fstatSync(found).isDirectory();
    const place = nextPlace(directory);
    if (isDirectory) mkdirSync(place);
    else writeFileSync(place, '', { flag: 'wx' });
    mountDescriptor(found, place, options);
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
  mkdirSync(directory, { recursive: true });
  return join(directory, String(readdirSync(directory).length));
}

/** Takes all of them away; none is fine. Nothing is removed recursively: what is below a mount is a volume's. */
export function unmountSubpaths(directory: string): void {
  for (const name of namesIn(directory)) {
    const place = join(directory, name);
    while (isUnmounted(place));
    if (lstatSync(place).isDirectory()) rmdirSync(place);
    else unlinkSync(place);
  }
  try {
    rmdirSync(directory);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/** True if there was one to take away. */
function isUnmounted(place: string): boolean {
  try {
    unmount(place, { detach: true });
    return true;
  } catch (error) {
    if (isKernelError(error, 'EINVAL')) return false;
    throw error;
  }
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
