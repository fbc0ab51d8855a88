/**
 * Network namespaces: made, kept by a bind mount, entered for one synchronous block, deleted.
 *
 * Only the calling thread moves. Sockets opened inside stay in that namespace, /proc/sys/net is that namespace's, and a
 * child process spawned inside starts there (libuv forks on this thread). Nothing asynchronous may run inside: it would
 * come back on this thread after the return, or on a pool thread that never moved.
 */
import { closeSync, mkdirSync, openSync, statSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { closeFd, openFd } from './descriptors.ts';
import { check, isKernelError } from './errors.ts';
import { errnoOfLastCall, setns, unshare } from './ffi.ts';
import { bindMount, unmount } from './mount.ts';

const CLONE_NEWNET = 0x40000000;
const OWN = '/proc/thread-self/ns/net';

// The namespace this thread is in, as a descriptor: its own, or the one of the block that runs now (blocks nest).
let here: number | undefined;

function currentFd(): number {
  return (here ??= openFd(OWN));
}

function returnTo(fd: number): void {
  if (setns(fd, CLONE_NEWNET) === 0) return;
  // Going on in the wrong namespace would write one container's network into another's. There is no safe next step.
  process.stderr.write(`causeway: cannot return to the own network namespace (errno ${errnoOfLastCall()}), aborting\n`);
  process.abort();
}

/**
 * Runs `work` with this thread in the namespace at the path; undefined = where the thread is. A return that fails
 * aborts the process. Costs 5 us. `work` must be synchronous: a promise as its result is refused with a TypeError.
 */
export function runInNetns<T>(netns: string | undefined, work: () => T): T {
  if (netns === undefined) return work();
  const before = currentFd();
  const target = openFd(netns);
  try {
    check(setns(target, CLONE_NEWNET), `enter network namespace ${netns}`);
    here = target;
    try {
      const result = work();
      if (result instanceof Promise) throw new TypeError('work in another network namespace must be synchronous');
      return result;
    } finally {
      here = before;
      returnTo(before);
    }
  } finally {
    closeFd(target);
  }
}

/**
 * Makes a network namespace (with a loopback that is down) and keeps it by a bind mount on `path`; the file and its
 * directory are made. The caller's thread stays where it was. A path that already is a namespace throws EEXIST.
 */
export function createNetns(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  closeSync(openSync(path, 'wx', 0o600)); // Node's own error, code EEXIST, if it is there
  const before = currentFd();
  try {
    check(unshare(CLONE_NEWNET), 'create network namespace');
    try {
      bindMount(OWN, path);
    } finally {
      returnTo(before);
    }
  } catch (error) {
    unlinkSync(path);
    throw error;
  }
}

/** Lets go of the namespace at `path` and removes the file. What is absent already is fine. */
export function deleteNetns(path: string): void {
  try {
    unmount(path, { detach: true });
  } catch (error) {
    if (!isKernelError(error, 'ENOENT', 'EINVAL')) throw error; // EINVAL: a plain file, nothing mounted on it
  }
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** 'dev:ino' of a namespace file: two paths with the same identity are the same namespace. */
export function netnsIdentity(path: string = OWN): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
}

/** Whether a namespace can be entered at the path: not at a file that one was only to be, or had been, mounted on. */
export function isNetns(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.dev === statSync(OWN).dev; // all namespaces are files of one file system
}
