/**
 * The null device of this mount namespace, so that its owner is not changed. crun 1.8 gives a container's standard
 * input to its user, and that is the host's /dev/null where nothing else is connected: it would belong to that user
 * everywhere, who could take it from all others (chmod through /proc/self/fd/0). On a read-only mount a device can be
 * opened for writing, but not changed.
 */
import { bindMount } from './mount.ts';
import { mountsOfProcess } from './foreign-mounts.ts';

const PATH = '/dev/null';

/** For a mount namespace that is not the host's. Repeatable. */
export function protectNullDevice(): void {
  const top = mountsOfProcess(process.pid).findLast(({ target }) => target === PATH);
  if (top?.options.includes('ro')) return;
  bindMount(PATH, PATH, { readonly: true });
}
