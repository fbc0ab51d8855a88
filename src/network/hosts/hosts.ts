/**
 * A container's /etc/hosts. Rendered whole from what is known, byte for byte as Docker writes it; lines that the
 * container's own user added, changed or took out are carried over (user-lines.ts).
 */
import { canonicalIp, ipVersion } from '../../model/addresses.ts';
import { endpointAddresses } from '../../model/endpoint.ts';

export interface HostsModel {
  /** False where the container has no IPv6 at all: then no line has an IPv6 address. */
  readonly ipv6?: boolean;
  /** --add-host, in order, 'host-gateway' resolved (see `parseExtraHosts`). */
  readonly extraHosts: readonly HostsEntry[];
  /** Links on the default bridge, in order; see `linkEntries`. */
  readonly links: readonly HostsEntry[];
  /** The container's own addresses, in the order of its interfaces, IPv4 before IPv6. */
  readonly addresses: readonly string[];
  readonly hostname: string;
  readonly domainname: string;
}

/** A line: the names as written, separated by a space. */
export interface HostsEntry {
  readonly address: string;
  readonly names: readonly string[];
}

const LOOPBACK4 = '127.0.0.1\tlocalhost';
const STANDARD6 = [
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

export function renderHosts(model: HostsModel): string {
  const ipv6 = model.ipv6 ?? true;
  const own = ownNames(model.hostname, model.domainname);
  const entries = [...model.extraHosts, ...model.links, ...model.addresses.map((address) => ({ address, names: own }))];
  const lines = [
    LOOPBACK4,
    ...(ipv6 ? STANDARD6 : []),
    ...entries
      .filter(({ address, names }) => names.length > 0 && address !== '' && (ipv6 || ipVersion(address) === 4))
      .map(({ address, names }) => `${canonicalIp(address)}\t${names.join(' ')}`),
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * What a link's line names: the alias, the source's hostname (its short id unless set), and its name where that is
 * another.
 */
export function linkEntries(link: {
  readonly alias: string;
  readonly sourceName: string;
  readonly sourceHostname: string;
  readonly ipv4: string;
  readonly ipv6: string;
}): HostsEntry[] {
  const names = [link.alias, link.sourceHostname, ...(link.alias === link.sourceName ? [] : [link.sourceName])];
  return endpointAddresses(link).map((address) => ({ address, names }));
}

/** A fully qualified hostname, given as one or in two parts, is followed by its bare form. */
function ownNames(hostname: string, domainname: string): string[] {
  if (hostname === '') return [];
  const full = domainname === '' ? hostname : `${hostname}.${domainname}`;
  const dot = full.indexOf('.');
  return dot < 0 ? [full] : [full, full.slice(0, dot)];
}
