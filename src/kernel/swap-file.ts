/**
 * A file in the place of another, at once, for files that need not outlive a power failure. ext4 begins to write a file
 * to the disk when it is renamed over another one (auto_da_alloc), which takes 1 to 4 ms; two names that are exchanged
 * cost nothing.
 */
import { renameSync, rmSync, unlinkSync } from 'node:fs';
import { errnoOfLastCall, renameat2 } from './ffi.ts';
import { KernelError } from './errors.ts';

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;

/**
 * `path` names what was `next`; `next` names nothing. A process that dies on the way may leave what `path` named as
 * `next`.
 */
export function swapFile(next: string, path: string): void {
  if (renameat2(AT_FDCWD, next, AT_FDCWD, path, RENAME_EXCHANGE) === 0) {
    try {
      unlinkSync(next);
    } catch {
      rmSync(next, { force: true }); // once more: the file at `path` is the new one already
    }
    return;
  }
  const error = new KernelError(`rename ${next}`, errnoOfLastCall());
  // Nothing is there yet, or the file system cannot exchange names.
  if (error.code !== 'ENOENT' && error.code !== 'EINVAL') throw error;
  renameSync(next, path);
}
