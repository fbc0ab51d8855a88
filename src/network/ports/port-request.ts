/** What the user asked to publish, checked and brought into the order and the groups that ports are taken in. */
import { canonicalIp, ipVersion } from '../../model/addresses.ts';
import {
  comparePorts,
  formatPort,
  meantBindings,
  parseBinding,
  parseBoundPort,
  type Port,
  type PortBinding,
} from '../../model/port.ts';

/** A port of the container and where it is to be published; without bindings only when all exposed ports are. */
export interface WantedPort {
  readonly port: Port;
  readonly bindings: readonly PortBinding[];
}

export interface PublishOptions {
  /** -P: exposed ports without bindings get a port that is chosen. */
  readonly publishAll: boolean;
  /** For bindings that name no host address: --ip, or the network's host_binding_ipv4. */
  readonly defaultHostIp: string;
  /** Whether '0.0.0.0' by default means '[::]' as well. */
  readonly ipv6: boolean;
  /** False for a container without an IPv4 address. */
  readonly ipv4?: boolean;
}

/** Host addresses that must get the same host port: from `first` to `last`; 0 = from the ephemeral range. */
export interface BindingGroup {
  readonly port: Port;
  readonly first: number;
  readonly last: number;
  readonly addresses: readonly string[];
  /** '[::]' is only meant as well: a host without IPv6 does without it. */
  readonly impliesIpv6: boolean;
}

/**
 * One list from what is exposed and what is bound, ordered by port. Throws `invalid` for bindings that do not parse.
 */
export function wantedPorts(
  exposedPorts: readonly Port[],
  portBindings: Readonly<Record<string, readonly PortBinding[]>>,
): WantedPort[] {
  const wanted = new Map<string, { port: Port; bindings: PortBinding[] }>();
  for (const port of exposedPorts) wanted.set(formatPort(port), { port, bindings: [] });
  for (const [text, bindings] of Object.entries(portBindings)) {
    const port = parseBoundPort(text);
    for (const binding of bindings) parseBinding(binding);
    const key = formatPort(port);
    const entry = wanted.get(key) ?? { port, bindings: [] };
    entry.bindings.push(...meantBindings(bindings));
    wanted.set(key, entry);
  }
  return [...wanted.values()].toSorted((a, b) => comparePorts(a.port, b.port));
}

/**
 * Docker's order: fixed host ports before ranges (which may contain them), then by container port, protocol, host
 * port and address; what differs in the address only is one group.
 */
export function expandBindings(wanted: readonly WantedPort[], options: PublishOptions): BindingGroup[] {
  const requests = wanted.flatMap(({ port, bindings }) => {
    const asked = bindings.length === 0 && options.publishAll ? [{ hostIp: '', hostPort: '' }] : bindings;
    return asked.map((binding) => ({ port, ...parseBinding(binding) }));
  });
  const isRange = (request: { first: number; last: number }) => request.first === 0 || request.first !== request.last;
  requests.sort(
    (a, b) =>
      Number(isRange(a)) - Number(isRange(b)) ||
      comparePorts(a.port, b.port) ||
      a.first - b.first ||
      a.last - b.last ||
      compareAddresses(a.hostIp, b.hostIp),
  );
  const groups: { port: Port; first: number; last: number; addresses: string[]; impliesIpv6: boolean }[] = [];
  for (const { port, first, last, hostIp } of requests) {
    const addresses = hostAddresses(hostIp, options);
    const impliesIpv6 = hostIp === '' && addresses.length > 1;
    if (addresses.length === 0) continue;
    const group = groups.at(-1);
    const joins =
      group &&
      comparePorts(group.port, port) === 0 &&
      group.first === first &&
      group.last === last &&
      // An address that is named twice cannot have one number twice.
      !addresses.some((address) => group.addresses.some((other) => addressesClash(address, other)));
    if (joins) {
      group.addresses.push(...addresses);
      group.impliesIpv6 ||= impliesIpv6;
    } else {
      groups.push({ port, first, last, addresses: [...addresses], impliesIpv6 });
    }
  }
  return groups;
}

/** Which addresses a binding means. */
function hostAddresses(hostIp: string, options: PublishOptions): string[] {
  const ipv4 = options.ipv4 ?? true;
  const address =
    hostIp === '' ? canonicalIp(options.defaultHostIp === '' ? '0.0.0.0' : options.defaultHostIp) : hostIp;
  if (ipVersion(address) === 6) return [address];
  const both = hostIp === '' && address === '0.0.0.0' && options.ipv6;
  return [...(ipv4 ? [address] : []), ...(both ? ['::'] : [])];
}

/** Whether two sockets on these addresses cannot have the same port. */
export function addressesClash(a: string, b: string): boolean {
  const isWild = (address: string) => address === '0.0.0.0' || address === '::';
  return a.includes(':') === b.includes(':') && (a === b || isWild(a) || isWild(b));
}

function compareAddresses(a: string, b: string): number {
  const version = (text: string) => (text === '' ? 0 : ipVersion(text));
  return version(a) - version(b) || (a < b ? -1 : a > b ? 1 : 0);
}
