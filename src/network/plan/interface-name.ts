/** Names of interfaces, inside the container and on the host. */

/** The lowest free number behind the prefix, so that a name which was freed is used again. */
export function nextInterfaceName(used: Iterable<string>, prefix = 'eth'): string {
  const taken = new Set(used);
  for (let number = 0; ; number++) if (!taken.has(`${prefix}${number}`)) return `${prefix}${number}`;
}

/** The host's end of an endpoint's veth pair: derived from the endpoint's id, so that an orphan can be told. */
export function hostInterfaceName(endpointId: string): string {
  return `veth${endpointId.slice(0, 7)}`;
}

export function isHostInterfaceName(name: string): boolean {
  return /^veth[0-9a-f]{7}$/.test(name);
}

/** A user network's bridge, as Docker names it. */
export function bridgeNameFor(networkId: string): string {
  return `br-${networkId.slice(0, 12)}`;
}
