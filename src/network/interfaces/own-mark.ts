/**
 * The alias of links that the engine made, with the id of the data root whose containers they are of: daemons with
 * different data roots may come and go in one network namespace. One without an id is of an earlier release, and counts
 * as the daemon's own.
 */
interface Marked {
  readonly index: number;
  readonly alias?: string;
}

const MARK = 'causeway';

/** The same on an address, as `ip address` shows it (proto 0xca); before Linux 5.18 the kernel does not keep it. */
export const OWN_ADDRESS = 0xca;

export const markOf = (id: string): string => `${MARK}:${id}`;

/** Of whatever data root. */
export const hasMark = ({ alias }: Pick<Marked, 'alias'>): boolean =>
  alias === MARK || alias?.startsWith(`${MARK}:`) === true;

export const isMarkedBy = ({ alias }: Pick<Marked, 'alias'>, id: string): boolean =>
  alias === MARK || alias === markOf(id);

/** A bridge of another data root with something on it: live containers. An empty one has no owner. */
export function isInUseByAnother(
  bridge: Marked,
  links: readonly { readonly masterIndex: number }[],
  id: string,
): boolean {
  return hasMark(bridge) && !isMarkedBy(bridge, id) && links.some((link) => link.masterIndex === bridge.index);
}
