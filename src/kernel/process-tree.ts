/** A process and what it has started, for ending a program that hangs together with its helpers. */
import { closeFd } from './descriptors.ts';
import { isKernelError } from './errors.ts';
import { kill, processIds, processParent } from './process.ts';
import { openPidfd, signalPidfd } from './spawn.ts';

const SIGKILL = 9;
const SIGSTOP = 19;

/** Its children, by one look at /proc. */
export function childrenOf(pid: number): number[] {
  return processIds().filter((candidate) => processParent(candidate) === pid);
}

/**
 * Kills the process and everything below it. Each is stopped before its children are looked for, so that none gets away; each is
 * held by a pidfd and looked at again, so that no stranger who got its number is hit.
 */
export function killTree(root: number): void {
  const held: number[] = [];
  try {
    const stop = (pid: number, parent: number | undefined): void => {
      const pidfd = hold(pid);
      if (pidfd === undefined) return;
      if (parent !== undefined && processParent(pid) !== parent) return closeFd(pidfd);
      held.push(pidfd);
      signalPidfd(pidfd, SIGSTOP);
      for (const child of childrenOf(pid)) stop(child, pid);
    };
    stop(root, undefined);
  } finally {
    // Those that were stopped before it failed, too: nobody else would let them go.
    for (const pidfd of held) signalPidfd(pidfd, SIGKILL);
    for (const pidfd of held) closeFd(pidfd);
  }
}

/** The same where nobody could be told that it failed: with no descriptor left to look for what it has started, the process alone is killed. */
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
