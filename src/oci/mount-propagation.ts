/**
 * Whether mounts can pass between a bind and its source, which takes a source in a mount of that kind, where the host
 * has it: the daemon's own mounts pass nothing.
 */
import { CausewayError } from '../base/errors.ts';
import type { MountPoint } from '../kernel/mount.ts';

/** What each propagation needs of the mount that the source is in: one of these. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  shared: ['shared:'],
  slave: ['shared:', 'master:'],
};
const WORDS: Readonly<Record<string, string>> = { shared: 'a shared mount', slave: 'a shared or slave mount' };

/** A source in a mount that passes nothing. */
export class PropagationError extends CausewayError {}

export function passesMounts(propagation: string): boolean {
  return Object.hasOwn(NEEDED, propagation.replace(/^r/, ''));
}

/** `source` as the user wrote it, `real` without links. @throws PropagationError in Docker's words */
export function checkPropagation(
  { source, real, propagation }: { readonly source: string; readonly real: string; readonly propagation: string },
  points: readonly Pick<MountPoint, 'target' | 'propagation'>[],
): void {
  const kind = propagation.replace(/^r/, '');
  const holds = (target: string): boolean => target === '/' || real === target || real.startsWith(`${target}/`);
  // Of several on one target the last is on top.
  const within = points
    .filter(({ target }) => holds(target))
    .reduce((deepest, point) => (point.target.length >= deepest.target.length ? point : deepest), {
      target: '',
      propagation: [] as readonly string[],
    });
  const needed = NEEDED[kind] ?? [];
  if (needed.some((mark) => within.propagation.some((field) => field.startsWith(mark)))) return;
  throw new PropagationError(
    'system',
    `path ${source} is mounted on ${within.target || '/'} but it is not ${WORDS[kind]}`,
  );
}
