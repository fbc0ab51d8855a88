/**
 * The firewall as a projection of the endpoint table: what a network, a sandbox and its links tell it.
 * The rules that read them are in firewall/ruleset.ts. What an operation adds and removes is the difference of two
 * projections, never an edit.
 */
import type { NetworkRecord } from '../../model/network.ts';
import type { PublishedPort } from '../../model/port.ts';
import { parseBridgeOptions, type BridgeOptions } from './bridge-options.ts';
import { elementsOf, type Element } from '../firewall/facts/element.ts';
import type { Fact, IpVersion, Origin } from '../firewall/facts/fact.ts';
import { guardedBridge, keepsNeighboursApart, type FindDriver } from './network-policy.ts';
import { linkedSources } from './linked-sources.ts';
import type { ForeignBridge } from '../interfaces/other-engines.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { NetworkTable } from '../table/table.ts';

/** The interfaces of a host that was no router when forwarding was turned on. */
export interface ClosedHost {
  /** Bridges and veths that were there: those that other engines create for their guests later are not among them. */
  readonly earlier: readonly string[];
  /** Interfaces that forwarded by a switch of their own (IPv4 only; IPv6 has only one that counts). */
  readonly routers: readonly string[];
}

export interface FirewallPolicy {
  /** Where the engine turned forwarding on: foreign traffic must not pass because of it. */
  readonly closed: { readonly [version in 4 | 6]?: ClosedHost };
  readonly ipMasq: boolean;
  /** Bridges of other engines: what goes there is not marked as the engine's. */
  readonly others?: readonly ForeignBridge[];
  /** Published ports respect the host's input policy. */
  readonly inputPolicy?: boolean;
  /** Published ports are open to other hosts at the containers' own addresses. */
  readonly directRouting?: boolean;
}

/** Everything that should be in the engine's sets and maps. */
export function desiredFacts(table: NetworkTable, policy: FirewallPolicy): Fact[] {
  return [
    ...factsOfHost(policy),
    ...table.networks().flatMap((network) => factsOfNetwork(network, policy)),
    ...table
      .sandboxes()
      .flatMap((record) => [...factsOfSandbox(record, table, policy), ...factsOfLinks(record, table)]),
  ];
}

export const desiredElements = (table: NetworkTable, policy: FirewallPolicy): Element[] =>
  elementsOf(desiredFacts(table, policy));

const VERSIONS: readonly IpVersion[] = [4, 6];
const HOST: Origin = { kind: 'host' };

export function factsOfHost(policy: FirewallPolicy): Fact[] {
  return [
    ...VERSIONS.flatMap((version): Fact[] => [
      { kind: 'strangers', version, verdict: policy.closed[version] ? 'closed' : 'accept', origin: HOST },
      ...(policy.closed[version]?.earlier ?? []).map((name): Fact => ({
        kind: 'earlier',
        version,
        name,
        origin: HOST,
      })),
    ]),
    // Not asked whether they are bridges: the rule asks.
    ...[...new Set([...(policy.closed[4]?.earlier ?? []), ...(policy.closed[6]?.earlier ?? [])])].map((name): Fact => ({
      kind: 'bridged',
      name,
      origin: HOST,
    })),
    ...(policy.closed[4]?.routers ?? []).map((name): Fact => ({ kind: 'router', name, origin: HOST })),
    ...(policy.others ?? []).map(({ name }): Fact => ({ kind: 'other-engine', bridge: name, origin: HOST })),
  ];
}

export function factsOfNetwork(network: NetworkRecord, policy: FirewallPolicy, find?: FindDriver): Fact[] {
  const bridge = guardedBridge(network, find);
  if (bridge === '') return [];
  const options = parseBridgeOptions(network);
  const origin: Origin = { kind: 'network', networkId: network.id };
  const facts: Fact[] = [
    { kind: 'bridge', bridge, origin },
    { kind: 'neighbours', bridge, verdict: keepsNeighboursApart(network, find) ? 'holes' : 'accept', origin },
  ];
  if (network.internal) facts.push({ kind: 'internal', bridge, origin });
  else for (const from of options.trustedInterfaces) facts.push({ kind: 'trusted', from, bridge, origin });
  for (const version of VERSIONS) {
    facts.push({
      kind: 'inbound',
      version,
      bridge,
      verdict: inboundVerdict(network, options, version, policy),
      origin,
    });
    if (network.internal || !enabled(network, version) || !natted(options, version)) continue;
    const address = version === 4 ? options.source4 : options.source6;
    if (address) facts.push({ kind: 'source', version, bridge, address, origin });
    else if (options.masquerade && policy.ipMasq) facts.push({ kind: 'masquerade', version, bridge, origin });
  }
  return facts;
}

function enabled(network: NetworkRecord, version: IpVersion): boolean {
  return version === 4 ? network.enableIpv4 : network.enableIpv6;
}

function mode(options: BridgeOptions, version: IpVersion) {
  return version === 4 ? options.mode4 : options.mode6;
}

function natted(options: BridgeOptions, version: IpVersion): boolean {
  return mode(options, version) === 'nat' || mode(options, version) === 'nat-unprotected';
}

function inboundVerdict(
  network: NetworkRecord,
  options: BridgeOptions,
  version: IpVersion,
  policy: FirewallPolicy,
): 'drop' | 'published' | 'routed' | 'unprotected' {
  if (network.internal) return 'drop';
  if (mode(options, version) === 'routed') return 'routed';
  if (mode(options, version) === 'nat-unprotected') return 'unprotected';
  return policy.directRouting ? 'published' : 'drop';
}

/**
 * A sandbox's addresses, where it has several, and published ports: their targets, what they open, and whose answers
 * must come back through this host.
 */
export function factsOfSandbox(
  record: SandboxRecord,
  table: NetworkTable,
  { inputPolicy = false }: { readonly inputPolicy?: boolean } = {},
): Fact[] {
  const facts = astrideFacts(record, table);
  const { containerId, endpoints } = record.sandbox;
  for (const endpoint of endpoints) {
    if (endpoint.published.length === 0) continue;
    const origin: Origin = { kind: 'published', containerId, networkId: endpoint.networkId };
    for (const version of VERSIONS) {
      const address = version === 4 ? endpoint.ipv4 : endpoint.ipv6;
      const ports = endpoint.published.filter((port) => reaches(port, version));
      if (address === '' || ports.length === 0) continue;
      for (const port of ports) facts.push(...factsOfPort(port, { version, address, origin, inputPolicy }));
      facts.push({ kind: 'hairpin', version, address, origin });
      for (const other of endpoints) {
        const bridge = table.network(other.networkId)?.bridgeName;
        if (bridge) facts.push({ kind: 'detour', version, address, bridge, origin });
      }
    }
  }
  return facts;
}

/**
 * A container on more than one network may send from each of its addresses over each of them: it answers by its routes.
 */
function astrideFacts({ sandbox: { containerId, endpoints } }: SandboxRecord, table: NetworkTable): Fact[] {
  const origin: Origin = { kind: 'addresses', containerId };
  return endpoints.flatMap((over) => {
    const bridge = table.network(over.networkId)?.bridgeName;
    if (!bridge) return [];
    return endpoints
      .filter((other) => other !== over)
      .flatMap(({ ipv4, ipv6 }): Fact[] => [
        ...(ipv4 ? [{ kind: 'astride' as const, version: 4 as const, bridge, address: ipv4, origin }] : []),
        ...(ipv6 ? [{ kind: 'astride' as const, version: 6 as const, bridge, address: ipv6, origin }] : []),
      ]);
  });
}

/**
 * Whether the kernel forwards the port's host address to an address of that family; a relay in the process does the
 * rest.
 */
export function reaches(port: PublishedPort, version: IpVersion): boolean {
  return port.hostIp.includes(':') ? version === 6 && port.hostIp !== '::1' : version === 4;
}

function isEverywhere({ hostIp }: PublishedPort): boolean {
  return hostIp === '0.0.0.0' || hostIp === '::' || hostIp === '';
}

interface Publishing {
  readonly version: IpVersion;
  readonly address: string; // the container's
  readonly origin: Origin;
  readonly inputPolicy: boolean;
}

function factsOfPort(port: PublishedPort, { version, address, origin, inputPolicy }: Publishing): Fact[] {
  const { protocol, hostPort } = port;
  const open: Fact = { kind: 'open', version, protocol, address, port: port.port, origin };
  if (hostPort === 0) return [open]; // a routed network: nothing is mapped, the port is only opened
  const hostIp = isEverywhere(port) ? '' : port.hostIp;
  const publish: Fact = {
    kind: 'publish',
    version,
    protocol,
    hostIp,
    hostPort,
    target: { address, port: port.port },
    origin,
  };
  return [
    publish,
    open,
    ...(inputPolicy ? [{ kind: 'input' as const, version, protocol, hostIp, hostPort, origin }] : []),
  ];
}

/**
 * A recipient's links: exactly the source's exposed ports, from this one address to that one, and only while both live.
 */
export function factsOfLinks(record: SandboxRecord, table: NetworkTable): Fact[] {
  const { containerId } = record.sandbox;
  return linkedSources(record, table).flatMap(({ from, to, ports }) => {
    const origin: Origin = { kind: 'link', containerId, sourceId: to.containerId, networkId: to.networkId };
    return ports.flatMap(({ protocol, port }): Fact[] => [
      ...(from.ipv4 && to.ipv4
        ? [{ kind: 'hole' as const, version: 4 as const, from: from.ipv4, to: to.ipv4, protocol, port, origin }]
        : []),
      ...(from.ipv6 && to.ipv6
        ? [{ kind: 'hole' as const, version: 6 as const, from: from.ipv6, to: to.ipv6, protocol, port, origin }]
        : []),
    ]);
  });
}
