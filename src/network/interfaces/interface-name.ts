/** Names of interfaces, inside the container and on the host. */

/** The lowest free number behind the prefix, so that a name which was freed is used again. */
export function nextInterfaceName(used: Iterable<string>, prefix = 'eth'): string {
  const taken = new Set(used);
  for (let number = 0; ; number++) if (!taken.has(`${prefix}${number}`)) return `${prefix}${number}`;
}

/** The host's end of an endpoint's veth pair: derived from the endpoint's id. */
export function hostInterfaceName(endpointId: string): string {
  return `veth${endpointId.slice(0, 7)}`;
}

/**
 * The hardware address of that end: follows from its name. Docker gives its own ends names of the same form, so a name
 * alone proves nothing about whose interface it is; an address that follows from it does, from the moment in which the
 * interface is made.
 */
export function hostInterfaceMac(name: string): string {
  const digits = `0${name.slice('veth'.length)}`;
  return ['06:ca', ...[0, 2, 4, 6].map((at) => digits.slice(at, at + 2))].join(':');
}

/** Whether an interface with this name and hardware address is the host's end of a veth pair that the engine made. */
export function isHostInterface(name: string, mac: string): boolean {
  return /^veth[0-9a-f]{7}$/.test(name) && mac === hostInterfaceMac(name);
}

/** A user network's bridge, as Docker names it. */
export function bridgeNameFor(networkId: string): string {
  return `br-${networkId.slice(0, 12)}`;
}
