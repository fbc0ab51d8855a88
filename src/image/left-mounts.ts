/** Mounts that a killed process left in the mount namespace that the next one has, too. */
import { realpathSync } from 'node:fs';
import { errorCode } from '../base/errors.ts';
import { mountPoints, unmount } from '../kernel/mount.ts';

/** All below the directory, the last one first; what is open in them stays usable. */
export function unmountBelow(directory: string): void {
  const real = realPath(directory);
  if (real === undefined) return;
  const left = mountPoints().filter(({ target }) => target.startsWith(`${real}/`));
  for (const { target } of left.reverse()) unmount(target, { detach: true });
}

/** As the kernel lists it: the data root may be behind a symbolic link. Undefined where there is none. */
function realPath(directory: string): string | undefined {
  try {
    return realpathSync(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
