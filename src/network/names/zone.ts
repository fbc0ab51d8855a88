/**
 * What the embedded DNS answers, as a projection of the endpoint table: a zone for each network, and for each sandbox
 * the view of them that its resolver serves. Both are plain values, replaced whole. The dns room declares the same shapes.
 */
import { canonicalIp } from '../../model/addresses.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { parseLink } from '../links/parse-link.ts';

export interface NetworkZone {
  readonly id: string;
  readonly name: string; // of the network: 'db.net' is 'db' in the zone 'net'
  readonly ttlS: number;
  /** By lower-case name. One without addresses belongs to a container that does not run: it is answered, never forwarded. */
  readonly names: Readonly<Record<string, { readonly a: readonly string[]; readonly aaaa: readonly string[] }>>;
  readonly ptr: Readonly<Record<string, string>>; // canonical address -> 'test2.net'
}

export interface Upstream {
  readonly address: string;
  readonly port: number;
  readonly from: 'host' | 'container'; // whose network namespace the query leaves from
}

export interface SandboxView {
  readonly id: string;
  readonly netns: string; // path of the namespace
  readonly port: number; // of 127.0.0.11 in it, udp and tcp
  readonly networks: readonly string[]; // zone ids, in the order they are looked in
  /** Private names (links): on each network that the link was asked for, the name that it stands for. */
  readonly aliases: Readonly<Record<string, readonly { readonly network: string; readonly name: string }[]>>;
  readonly upstreams: readonly Upstream[];
  readonly forward: boolean;
  /** Unknown names of one label are answered empty instead of forwarded; see `keepsBareNames`. */
  readonly keepBareNames?: boolean;
  readonly queryLog?: boolean;
}

export const RESOLVER_ADDRESS = '127.0.0.11';

type ZoneEndpoint = Pick<Endpoint, 'containerId' | 'ipv4' | 'ipv6' | 'dnsNames'>;

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
    for (const name of new Set(endpoint.dnsNames.map(foldName))) {
      const list = holders.get(name);
      if (list) list.push(endpoint);
      else holders.set(name, [endpoint]);
    }
    const [first] = endpoint.dnsNames;
    if (first === undefined) continue;
    for (const address of [endpoint.ipv4, endpoint.ipv6]) {
      if (address !== '') ptr[canonicalIp(address)] = `${first}.${network.name}`;
    }
  }
  const names = emptyRecord<{ a: string[]; aaaa: string[] }>();
  for (const [name, list] of holders) {
    const answering = withoutUnhealthy(list, input.unhealthy);
    names[name] = { a: addressesOf(answering, 'ipv4'), aaaa: addressesOf(answering, 'ipv6') };
  }
  return { id: network.id, name: network.name, ttlS: input.ttlS, names, ptr };
}

type ViewEndpoint = Pick<Endpoint, 'networkId' | 'spec'>;

export interface ViewInput {
  readonly sandbox: { readonly id: string; readonly netns: string; readonly port: number };
  readonly endpoints: readonly ViewEndpoint[]; // of the sandbox on networks with a zone, in lookup order
  /** True when no network of the sandbox leads out (all are internal). */
  readonly isolated: boolean;
  /** The container's own --dns, else the daemon's, else the host's resolv.conf: see `chooseUpstreams`. */
  readonly upstreams: readonly Upstream[];
  readonly keepBareNames?: boolean;
  readonly queryLog?: boolean;
}

/**
 * From an internal network nothing is forwarded out of the host's namespace: that would be a way out. Servers that are
 * asked from the container itself (--dns) can only be reached if they are on the network, so they stay.
 */
export function projectView(input: ViewInput): SandboxView {
  const upstreams = input.upstreams.filter((upstream) => !(input.isolated && upstream.from === 'host'));
  const aliases = emptyRecord<{ network: string; name: string }[]>();
  for (const { networkId, spec } of input.endpoints) {
    for (const link of spec.links) {
      const { source, alias } = parseLink(link);
      (aliases[foldName(alias)] ??= []).push({ network: networkId, name: foldName(source) });
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

/** DNS names differ by letter case in ASCII only (RFC 4343), and a trailing dot means nothing. */
export function foldName(name: string): string {
  return name.replace(/\.$/, '').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function withoutUnhealthy(list: readonly ZoneEndpoint[], unhealthy: ReadonlySet<string> | undefined): readonly ZoneEndpoint[] {
  if (!unhealthy || list.length < 2) return list;
  const healthy = list.filter((endpoint) => !unhealthy.has(endpoint.containerId));
  return healthy.length > 0 ? healthy : list;
}

function addressesOf(list: readonly ZoneEndpoint[], field: 'ipv4' | 'ipv6'): string[] {
  return [...new Set(list.map((endpoint) => endpoint[field]).filter((address) => address !== '').map(canonicalIp))];
}

/** Without a prototype: a container may be named 'constructor' or '__proto__'. */
function emptyRecord<V>(): Record<string, V> {
  return Object.create(null) as Record<string, V>;
}
