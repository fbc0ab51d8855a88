/** Mounts that a killed process left in the mount namespace that the next one has, too. */
import { mountPoints, unmount } from '../kernel/mount.ts';

/** All below the directory, the last one first; what is open in them stays usable. */
export function unmountBelow(directory: string): void {
  const left = mountPoints().filter(({ target }) => target.startsWith(`${directory}/`));
  for (const { target } of left.reverse()) unmount(target, { detach: true });
}
