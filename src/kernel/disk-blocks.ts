/**
 * Blocks of a disk that are a file's before anything is written there: a later write or a touch of the mapped page
 * cannot find the disk full.
 */
import { KernelError } from './errors.ts';
import { errnoOfLastCall, fallocate } from './ffi.ts';

const KEEP_SIZE = 1;

/**
 * Gives the file the blocks of bytes `from` to `to`; what it has already, and its size, stay as they are.
 * @throws KernelError ENOSPC or EDQUOT where there are too few, EOPNOTSUPP where the file system cannot do it
 */
export function allocateBlocks(fd: number, from: number, to: number): void {
  while (fallocate(fd, KEEP_SIZE, from, to - from) < 0) {
    const error = new KernelError(`allocate ${to - from} bytes`, errnoOfLastCall());
    if (error.code !== 'EINTR') throw error;
  }
}
