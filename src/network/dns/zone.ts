/**
 * What the embedded DNS answers, as a projection of the endpoint table: a zone for each network, and for each sandbox
 * the view of them that its resolver serves.
 */
import { addTo } from '../../base/grouped.ts';
import type { NameAddresses, NetworkZone, SandboxView, ServiceTarget, Upstream } from '../../base/dns-zone.ts';
import { canonicalIp } from '../../model/addresses.ts';
import { endpointAddresses, type Endpoint } from '../../model/endpoint.ts';
import type { Port } from '../../model/port.ts';
import { parseLink } from '../links/parse-link.ts';
import { foldName, nameOfSource } from '../table/dns-names.ts';
import { serviceNames } from './service-names.ts';

/** `ports`: what the container exposes. */
type ZoneEndpoint = Pick<Endpoint, 'containerId' | 'ipv4' | 'ipv6' | 'dnsNames'> & { readonly ports?: readonly Port[] };

export interface ZoneInput {
  readonly network: { readonly id: string; readonly name: string };
  readonly ttlS: number;
  readonly endpoints: readonly ZoneEndpoint[]; // of running containers on this network
  /** Names of containers that are connected to it and do not run. */
  readonly knownNames?: Iterable<string>;
  /** Containers whose health check fails: left out of a name that others, healthy ones, share. */
  readonly unhealthy?: ReadonlySet<string>;
}

export function projectZone(input: ZoneInput): NetworkZone {
  const { network, endpoints } = input;
  const holders = new Map<string, ZoneEndpoint[]>();
  for (const name of input.knownNames ?? []) holders.set(foldName(name), []);
  const ptr = emptyRecord<string>();
  for (const endpoint of endpoints) {
    for (const name of new Set(endpoint.dnsNames.map(foldName))) addTo(holders, name, endpoint);
    const [first] = endpoint.dnsNames;
    if (first === undefined) continue;
    for (const address of endpointAddresses(endpoint)) ptr[canonicalIp(address)] = `${first}.${network.name}`;
  }
  const names = emptyRecord<NameAddresses>();
  for (const [name, list] of holders) {
    const answering = withoutUnhealthy(list, input.unhealthy);
    const services = answering.flatMap((endpoint) => servicesOf(endpoint, network.name));
    names[name] = {
      a: addressesOf(answering, 'ipv4'),
      aaaa: addressesOf(answering, 'ipv6'),
      ...(services.length > 0 ? { services } : {}),
    };
  }
  return { id: network.id, name: network.name, ttlS: input.ttlS, names, ptr };
}

type ViewEndpoint = Pick<Endpoint, 'networkId' | 'spec'>;

export interface ViewInput {
  readonly sandbox: { readonly id: string; readonly netns: string; readonly port: number };
  readonly endpoints: readonly ViewEndpoint[]; // of the sandbox on networks with a zone, in lookup order
  /** True when no network of the sandbox has external connectivity: all are internal, or there is none. */
  readonly isolated: boolean;
  /** The container's own --dns, else the daemon's, else the host's resolv.conf: see `chooseUpstreams`. */
  readonly upstreams: readonly Upstream[];
  readonly keepBareNames?: boolean;
  readonly queryLog?: boolean;
}

/**
 * From an internal network nothing is forwarded by the host: a query sent elsewhere is a way out. What is asked from the
 * container's own network goes no further than the container itself gets.
 */
export function projectView(input: ViewInput): SandboxView {
  const upstreams = input.upstreams.filter(({ from }) => from === 'container' || !input.isolated);
  const aliases = emptyRecord<{ network: string; name: string }[]>();
  for (const { networkId, spec } of input.endpoints) {
    for (const link of spec.links) {
      const { source, alias } = parseLink(link);
      if (alias !== '') (aliases[foldName(alias)] ??= []).push({ network: networkId, name: nameOfSource(source) });
    }
  }
  return {
    id: input.sandbox.id,
    netns: input.sandbox.netns,
    port: input.sandbox.port,
    networks: [...new Set(input.endpoints.map((endpoint) => endpoint.networkId))],
    aliases,
    upstreams,
    forward: upstreams.length > 0,
    ...(input.keepBareNames ? { keepBareNames: true } : {}),
    ...(input.queryLog ? { queryLog: true } : {}),
  };
}

/** Each exposed port by its number and, if it has one, by the name of its service. */
function servicesOf({ dnsNames, ports = [], ipv4, ipv6 }: ZoneEndpoint, networkName: string): ServiceTarget[] {
  const [name] = dnsNames;
  if (name === undefined) return [];
  const addresses = (address: string) => (address === '' ? [] : [canonicalIp(address)]);
  return ports.flatMap((port) =>
    serviceNames(port).map((service) => ({
      service: `_${service}._${port.protocol}`,
      target: `${name}.${networkName}`,
      port: port.port,
      a: addresses(ipv4),
      aaaa: addresses(ipv6),
    })),
  );
}

function withoutUnhealthy(
  list: readonly ZoneEndpoint[],
  unhealthy: ReadonlySet<string> | undefined,
): readonly ZoneEndpoint[] {
  if (!unhealthy || list.length < 2) return list;
  const healthy = list.filter((endpoint) => !unhealthy.has(endpoint.containerId));
  return healthy.length > 0 ? healthy : list;
}

function addressesOf(list: readonly ZoneEndpoint[], field: 'ipv4' | 'ipv6'): string[] {
  return [
    ...new Set(
      list
        .map((endpoint) => endpoint[field])
        .filter((address) => address !== '')
        .map(canonicalIp),
    ),
  ];
}

/** Without a prototype: a container may be named 'constructor' or '__proto__'. */
function emptyRecord<V>(): Record<string, V> {
  return Object.create(null) as Record<string, V>;
}
