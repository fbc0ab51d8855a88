/** A process and what it has started, for ending a program that hangs together with its helpers. */
import { closeFd } from './descriptors.ts';
import { isKernelError } from './errors.ts';
import { kill, processIds, processParent, processState } from './process.ts';
import { openPidfd, signalPidfd } from './spawn.ts';

const SIGKILL = 9;
const SIGSTOP = 19;
/** A stopped process shows as such within microseconds, on a busy machine milliseconds. */
const LOOK_MS = 1;
const MAX_LOOKS = 100;
const NOTHING = new Int32Array(new SharedArrayBuffer(4));

/** Its children, by one look at /proc. */
export function childrenOf(pid: number): number[] {
  return processIds().filter((candidate) => processParent(candidate) === pid);
}

/**
 * Kills the process and everything below it. Each is stopped, and has stopped, before its children are looked for the
 * last time, so that none gets away: one in the middle of a fork is yet to have its child. Each is held by a pidfd and
 * looked at again, so that no unrelated process that got its number is hit.
 */
export function killTree(root: number): void {
  const held = new Map<number, number>(); // pidfds, by pid
  try {
    const stop = (pid: number, parent: number | undefined): void => {
      const pidfd = hold(pid);
      if (pidfd === undefined) return;
      if (parent !== undefined && processParent(pid) !== parent) return closeFd(pidfd);
      held.set(pid, pidfd);
      signalPidfd(pidfd, SIGSTOP);
    };
    stop(root, undefined);
    for (let look = 0; look < MAX_LOOKS; look++) {
      const all = [...held.keys()].every(hasStopped);
      const before = held.size;
      const family = processIds().map((pid) => [pid, processParent(pid)] as const);
      for (const pid of held.keys())
        for (const [child, parent] of family) if (parent === pid && !held.has(child)) stop(child, pid);
      if (all && held.size === before) break;
      Atomics.wait(NOTHING, 0, 0, LOOK_MS);
    }
  } finally {
    // Those that were stopped before it failed, too: nothing else would release them.
    for (const pidfd of held.values()) signalPidfd(pidfd, SIGKILL);
    for (const pidfd of held.values()) closeFd(pidfd);
  }
}

/** Or will start nothing any more; one that the kernel does not let go of cannot be waited for. */
const hasStopped = (pid: number): boolean => !['R', 'S'].includes(processState(pid) ?? 'X');

/**
 * The same where a failure cannot be reported: with no descriptor left to find its children, the process alone is
 * killed.
 */
export function killTreeOrRoot(root: number): void {
  try {
    killTree(root);
  } catch {
    kill(root, SIGKILL);
  }
}

function hold(pid: number): number | undefined {
  try {
    return openPidfd(pid);
  } catch (error) {
    if (isKernelError(error, 'ESRCH', 'EINVAL')) return undefined;
    throw error;
  }
}
