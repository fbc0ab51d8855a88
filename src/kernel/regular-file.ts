/**
 * Opening what should be a plain file where another process may have put anything: only a regular file is ever opened.
 * Opening a FIFO waits for its other end, and opening a device acts on it (a tape rewinds, a watchdog starts to count).
 *
 * And the one door for opening a container's files for reading or writing: a process may hold a lease on its file
 * (fcntl F_SETLEASE), and an open() waits in the kernel until that is given up or broken, 45 s by default, which would
 * block this process with all that it serves. With O_NONBLOCK the kernel begins to break the lease just so and says
 * EAGAIN.
 */
import { fstatSync, type Stats } from 'node:fs';
import { monotonicMs } from '../base/clock.ts';
import { systemError } from '../base/errors.ts';
import { closeFd, O_RDONLY, openFd } from './descriptors.ts';
import { isKernelError } from './errors.ts';
import { openInRoot } from './open-in-root.ts';

const O_NONBLOCK = 0o4000;
const LEASE_LOOK_MS = 100;
const LEASE_PATIENCE_MS = 60_000; // longer than fs.lease-break-time as the kernel has it

export interface RegularFile {
  readonly fd: number;
  readonly stats: Stats;
}

/**
 * Opens `path` inside `root` (see `openInRoot`) for reading. Undefined: there is none, or something else in its place
 * (a directory, a FIFO, a device, a socket, a loop of links). The caller closes it.
 */
export function openRegularFile(root: string, path: string): RegularFile | undefined {
  let place: number;
  try {
    place = openInRoot(root, path);
  } catch (error) {
    if (isKernelError(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
  try {
    const stats = fstatSync(place);
    // What is looked at is what is opened: the descriptor names the file whatever happens to the path.
    return stats.isFile() ? { fd: openNamedFile(place), stats } : undefined;
  } finally {
    closeFd(place);
  }
}

/**
 * The very file that an O_PATH descriptor names, for reading; the caller has seen that it is a regular one. KernelError
 * EAGAIN: a process holds a lease on it.
 */
export function openNamedFile(place: number): number {
  return openFd(`/proc/self/fd/${place}`, O_RDONLY | O_NONBLOCK);
}

/**
 * `open` again and again while a lease is being broken. `file` names it for the refusal: "/file of container web". Kind
 * `system` where it does not end.
 */
export async function whenNotLeased<T>(file: string, open: () => T, patienceMs = LEASE_PATIENCE_MS): Promise<T> {
  const until = monotonicMs() + patienceMs;
  for (;;) {
    try {
      return open();
    } catch (error) {
      if (!isKernelError(error, 'EAGAIN')) throw error;
      if (monotonicMs() >= until)
        throw systemError(
          `${file} is kept by a lease of one of its processes: end that process, or try again later`,
          error,
        );
    }
    await new Promise((resolve) => setTimeout(resolve, LEASE_LOOK_MS));
  }
}
