/**
 * GNU tar opens files with O_NONBLOCK and takes one that a process holds a lease on for one that cannot be read. So
 * where any process on the host has a lease, the files of a tree are opened before: that begins the breaking, which the
 * kernel ends in its own time.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { posix } from 'node:path';
import { FairTurns } from '../base/fair-turns.ts';
import { closeFd } from '../kernel/descriptors.ts';
import { isKernelError } from '../kernel/errors.ts';
import { openInRoot } from '../kernel/open-in-root.ts';
import { openNamedFile, whenNotLeased } from '../kernel/regular-file.ts';

const FILES_A_TURN = 64;
const LOCKS_READ = 256 * 1024;

const turns = new FairTurns();

/**
 * `directory` is a descriptor, `path` and `owner` what a refusal calls it. Kind `system` where a lease does not end.
 */
export async function breakLeases(directory: number, path: string, owner: string): Promise<void> {
  if (!anyLeases()) return;
  const held: string[] = [];
  const directories = [''];
  for (let below = directories.pop(), looked = 0; below !== undefined; below = directories.pop()) {
    for (const entry of await entriesOf(directory, below)) {
      if (++looked % FILES_A_TURN === 0) await turns.take();
      const name = posix.join(below, entry.name);
      if (entry.isDirectory()) directories.push(name);
      else if (entry.isFile() && isHeld(directory, name)) held.push(name);
    }
  }
  // All of them are being broken by now: the last is free soon after the first.
  for (const name of held) await whenNotLeased(`${posix.join(path, name)} of ${owner}`, () => look(directory, name));
}

/** Whether the kernel lists one; a list that is too long to be read may have one. */
function anyLeases(): boolean {
  const fd = openSync('/proc/locks', constants.O_RDONLY);
  try {
    const bytes = Buffer.allocUnsafe(LOCKS_READ);
    let size = 0;
    for (let read = -1; read !== 0 && size < LOCKS_READ; size += read)
      read = readSync(fd, bytes, size, LOCKS_READ - size, null);
    return size === LOCKS_READ || bytes.subarray(0, size).includes(' LEASE ');
  } finally {
    closeSync(fd);
  }
}

async function entriesOf(root: number, path: string) {
  let fd: number;
  try {
    fd = openInRoot(root, path === '' ? '.' : path, { flags: constants.O_DIRECTORY, beneath: true, noSymlinks: true });
  } catch (error) {
    if (isKernelError(error)) return []; // gone, or what tar will say something about
    throw error;
  }
  try {
    return await readdir(`/proc/self/fd/${fd}`, { withFileTypes: true });
  } finally {
    closeFd(fd);
  }
}

function isHeld(root: number, path: string): boolean {
  try {
    look(root, path);
    return false;
  } catch (error) {
    return isKernelError(error, 'EAGAIN');
  }
}

/** KernelError EAGAIN: a lease is being broken. Nothing else is of interest here. */
function look(root: number, path: string): void {
  let place: number;
  try {
    place = openInRoot(root, path, { beneath: true, noSymlinks: true });
  } catch (error) {
    if (isKernelError(error)) return;
    throw error;
  }
  try {
    if (fstatSync(place).isFile()) closeFd(openNamedFile(place));
  } catch (error) {
    if (!isKernelError(error) || error.code === 'EAGAIN') throw error;
  } finally {
    closeFd(place);
  }
}
