/**
 * /dev/shm of a container that shares it (--ipc=shareable): a tmpfs of the engine's, bound into each container that
 * joins.
 */
import { mkdirSync, rmdirSync } from 'node:fs';
import { errorCode } from '../base/errors.ts';
import { isKernelError } from '../kernel/errors.ts';
import { mount, MS_NODEV, MS_NOEXEC, MS_NOSUID, unmount } from '../kernel/mount.ts';

export function mountSharedMemory(directory: string, sizeBytes: number): void {
  unmountSharedMemory(directory); // of a run that a crash cut off
  mkdirSync(directory, { recursive: true });
  mount({
    source: 'shm',
    target: directory,
    type: 'tmpfs',
    flags: MS_NOSUID | MS_NODEV | MS_NOEXEC,
    data: `mode=1777,size=${sizeBytes}`,
  });
}

/** What is not there is fine. */
export function unmountSharedMemory(directory: string): void {
  try {
    unmount(directory, { detach: true });
  } catch (error) {
    if (!isKernelError(error, 'EINVAL', 'ENOENT')) throw error;
  }
  try {
    rmdirSync(directory);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
