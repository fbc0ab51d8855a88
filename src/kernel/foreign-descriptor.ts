/**
 * Descriptors of another process, copied while it runs: both then have the same socket, with what waits in it. Needs
 * the right to trace that process (root has it), Linux 5.6 or later.
 */
import { closeFd } from './descriptors.ts';
import { check } from './errors.ts';
import { syscallThreeInts } from './ffi.ts';
import { openPidfd } from './spawn.ts';

const SYS_PIDFD_GETFD = 438;

/**
 * Copies descriptors of process `pid`, close-on-exec, in order; all or none. KernelError ESRCH, EBADF, EPERM, ENOSYS.
 */
export function copyForeignDescriptors(pid: number, fds: readonly number[]): number[] {
  const pidfd = openPidfd(pid);
  const copies: number[] = [];
  try {
    for (const fd of fds)
      copies.push(check(syscallThreeInts(SYS_PIDFD_GETFD, pidfd, fd, 0), `copy descriptor ${fd} of process ${pid}`));
    return copies;
  } catch (error) {
    for (const copy of copies) closeFd(copy);
    throw error;
  } finally {
    closeFd(pidfd);
  }
}
