/** Advisory locks of whole files: they go with the process that holds them, however it ends. */
import { check, isKernelError } from './errors.ts';
import { flock } from './ffi.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Takes the lock of an open file for as long as the descriptor is open. False when another process has it. */
export function lockFile(fd: number): boolean {
  try {
    check(flock(fd, LOCK_EX | LOCK_NB), `lock descriptor ${fd}`);
    return true;
  } catch (error) {
    if (isKernelError(error, 'EAGAIN', 'EWOULDBLOCK')) return false;
    throw error;
  }
}
