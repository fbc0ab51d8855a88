/**
 * Whether the daemon, which lives in a mount namespace of its own, gets what the host mounts later: from a shared `/`, as
 * systemd makes it, and not from a private one.
 */
import { mountPoints, type MountPoint } from '../kernel/mount.ts';
import type { Finding } from './finding.ts';

const SUBJECT = 'mounts of the host';

/** `points` are those of the namespace that the daemon is started in. */
export function examineRootMount(
  points: readonly Pick<MountPoint, 'target' | 'propagation'>[] = mountPoints(),
): Finding {
  const root = points.findLast(({ target }) => target === '/');
  const follows = root?.propagation.some((field) => field.startsWith('shared:') || field.startsWith('master:'));
  if (follows) return { level: 'ok', subject: SUBJECT, text: 'the daemon receives what is mounted while it runs' };
  return {
    level: 'warn',
    subject: SUBJECT,
    text: '/ is a private mount: what is mounted on this host after the daemon has started is not seen by it nor by containers, which find the empty directory below',
    advice: 'run `mount --make-rshared /` before the daemon starts (systemd does so), or start it again after mounting',
  };
}
