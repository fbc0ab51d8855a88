/**
 * Opening what should be a plain file where somebody else may have put anything: only a regular file is ever opened. Opening a
 * FIFO waits for its other end, and opening a device acts on it (a tape rewinds, a watchdog starts to count).
 */
import { fstatSync, type Stats } from 'node:fs';
import { closeFd, O_RDONLY, openFd } from './descriptors.ts';
import { isKernelError } from './errors.ts';
import { openInRoot } from './open-in-root.ts';

const O_NONBLOCK = 0o4000;

export interface RegularFile {
  readonly fd: number;
  readonly stats: Stats;
}

/**
 * Opens `path` inside `root` (see `openInRoot`) for reading. Undefined: there is none, or something else in its place (a
 * directory, a FIFO, a device, a socket, a link that leads round in circles). Whoever gets it closes it.
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
    return stats.isFile() ? { fd: openFd(`/proc/self/fd/${place}`, O_RDONLY | O_NONBLOCK), stats } : undefined;
  } finally {
    closeFd(place);
  }
}
