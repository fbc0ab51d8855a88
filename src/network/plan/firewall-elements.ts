/**
 * The firewall as a projection of the endpoint table: which elements a network, a sandbox and its links stand for.
 * The rules that read them are in firewall/ruleset.ts. What an operation adds and removes is the difference of two
 * projections, never an edit.
 */
import type { Endpoint } from '../../model/endpoint.ts';
import type { NetworkRecord } from '../../model/network.ts';
import type { PublishedPort } from '../../model/port.ts';
import { parseBridgeOptions, type BridgeOptions } from './bridge-options.ts';
import type { Element } from '../firewall/facts/element.ts';
import { guardedBridge, keepsNeighboursApart, type FindDriver } from './network-policy.ts';
import { linkedSources } from './linked-sources.ts';
import type { ForeignBridge } from '../interfaces/other-engines.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { NetworkTable } from '../table/table.ts';

/** Who was no neighbour of anybody when forwarding was turned on. */
export interface ClosedHost {
  /** Bridges and veths that were there: those by which other engines lead their guests later are not among them. */
  readonly earlier: readonly string[];
  /** Interfaces that forwarded by a switch of their own (IPv4 only; IPv6 has but one that counts). */
  readonly routers: readonly string[];
}

export interface FirewallPolicy {
  /** Where the engine turned forwarding on: what is none of its business must not pass because of it. */
  readonly closed: { readonly [version in 4 | 6]?: ClosedHost };
  readonly ipMasq: boolean;
  /** Bridges of other engines: what goes there is not marked as ours. */
  readonly others?: readonly ForeignBridge[];
  /** Published ports respect the host's input policy. */
  readonly inputPolicy?: boolean;
}

/** Everything that should be in our sets and maps. */
export function desiredElements(table: NetworkTable, policy: FirewallPolicy): Element[] {
  return [
    ...hostElements(policy),
    ...table.networks().flatMap((network) => networkElements(network, policy)),
    ...table.sandboxes().flatMap((record) => [...sandboxElements(record, table, policy), ...linkElements(record, table)]),
  ];
}

export function hostElements(policy: FirewallPolicy): Element[] {
  return [
    ...([4, 6] as const).flatMap((version): Element[] => [
      { set: 'strangers', key: `ipv${version}`, value: policy.closed[version] ? 'goto strangers' : 'accept' },
      ...(policy.closed[version]?.earlier ?? []).map((name): Element => ({ set: 'earlier', key: `ipv${version} . ${name}` })),
    ]),
    // Not asked whether they are bridges: the rule asks.
    ...[...new Set([...(policy.closed[4]?.earlier ?? []), ...(policy.closed[6]?.earlier ?? [])])].map((name): Element => ({ set: 'bridged', key: `${name} . ${name}` })),
    ...(policy.closed[4]?.routers ?? []).map((key): Element => ({ set: 'routers4', key })),
    ...(policy.others ?? []).map(({ name }): Element => ({ set: 'other-engines', key: name })),
  ];
}

export function networkElements(network: NetworkRecord, policy: FirewallPolicy, find?: FindDriver): Element[] {
  const bridge = guardedBridge(network, find);
  if (bridge === '') return [];
  const options = parseBridgeOptions(network);
  const elements: Element[] = [
    { set: 'bridges', key: bridge },
    { set: 'neighbours', key: `${bridge} . ${bridge}`, value: keepsNeighboursApart(network, find) ? 'goto holes' : 'accept' },
  ];
  if (network.internal) elements.push({ set: 'internal', key: bridge });
  else for (const name of options.trustedInterfaces) elements.push({ set: 'trusted', key: `${name} . ${bridge}` });
  for (const version of [4, 6] as const) {
    const family = `ipv${version}`;
    elements.push({ set: 'inbound', key: `${family} . ${bridge}`, value: inboundVerdict(network, options, version) });
    if (network.internal || !enabled(network, version) || !natted(options, version)) continue;
    const source = version === 4 ? options.source4 : options.source6;
    if (source) elements.push({ set: `source${version}`, key: bridge, value: source });
    else if (options.masquerade && policy.ipMasq) elements.push({ set: 'masqueraded', key: `${family} . ${bridge}` });
  }
  return elements;
}

function enabled(network: NetworkRecord, version: 4 | 6): boolean {
  return version === 4 ? network.enableIpv4 : network.enableIpv6;
}

function mode(options: BridgeOptions, version: 4 | 6) {
  return version === 4 ? options.mode4 : options.mode6;
}

function natted(options: BridgeOptions, version: 4 | 6): boolean {
  return mode(options, version) === 'nat' || mode(options, version) === 'nat-unprotected';
}

function inboundVerdict(network: NetworkRecord, options: BridgeOptions, version: 4 | 6): string {
  if (network.internal) return 'drop';
  if (mode(options, version) === 'routed') return 'goto routed';
  if (mode(options, version) === 'nat-unprotected') return 'goto unprotected';
  return 'drop';
}

/** A sandbox's addresses, where it has several, and published ports: where they lead, what they open, and whose answers must come back through us. */
export function sandboxElements(record: SandboxRecord, table: NetworkTable, { inputPolicy = false }: { readonly inputPolicy?: boolean } = {}): Element[] {
  const elements = astrideElements(record, table);
  for (const endpoint of record.sandbox.endpoints) {
    if (endpoint.published.length === 0) continue;
    for (const version of [4, 6] as const) {
      const address = version === 4 ? endpoint.ipv4 : endpoint.ipv6;
      const ports = endpoint.published.filter((port) => reaches(port, version));
      if (address === '' || ports.length === 0) continue;
      for (const port of ports) elements.push(...publishedElements(port, address, version), ...(inputPolicy ? inputElements(port, version) : []));
      elements.push({ set: `hairpin${version}`, key: `${address} . ${address}` });
      for (const other of record.sandbox.endpoints) {
        const bridge = table.network(other.networkId)?.bridgeName;
        if (bridge) elements.push({ set: `detour${version}`, key: `${address} . ${bridge}` });
      }
    }
  }
  return elements;
}

/** A container on more than one network may send from each of its addresses over each of them: it answers by its routes. */
function astrideElements({ sandbox: { endpoints } }: SandboxRecord, table: NetworkTable): Element[] {
  return endpoints.flatMap((over) => {
    const bridge = table.network(over.networkId)?.bridgeName;
    if (!bridge) return [];
    return endpoints.filter((other) => other !== over).flatMap(({ ipv4, ipv6 }): Element[] => [
      ...(ipv4 ? [{ set: 'astride4' as const, key: `${bridge} . ${ipv4}` }] : []),
      ...(ipv6 ? [{ set: 'astride6' as const, key: `${bridge} . ${ipv6}` }] : []),
    ]);
  });
}

/** Whether the kernel leads the port's host address to an address of that family; a relay in the process does the rest. */
export function reaches(port: PublishedPort, version: 4 | 6): boolean {
  return port.hostIp.includes(':') ? version === 6 && port.hostIp !== '::1' : version === 4;
}

function inputElements(port: PublishedPort, version: 4 | 6): Element[] {
  if (port.hostPort === 0) return [];
  const wanted = `${port.protocol} . ${port.hostPort}`;
  return [isEverywhere(port) ? { set: 'input-any', key: `ipv${version} . ${wanted}` } : { set: `input${version}`, key: `${port.hostIp} . ${wanted}` }];
}

function isEverywhere({ hostIp }: PublishedPort): boolean {
  return hostIp === '0.0.0.0' || hostIp === '::' || hostIp === '';
}

function publishedElements(port: PublishedPort, address: string, version: 4 | 6): Element[] {
  const target = `${port.protocol} . ${port.port}`;
  const open: Element = { set: `open${version}`, key: `${address} . ${target}` };
  if (port.hostPort === 0) return [open]; // a routed network: nothing is mapped, the port is only opened
  const value = `${address} . ${port.port}`;
  const wanted = `${port.protocol} . ${port.hostPort}`;
  const publish: Element = isEverywhere(port)
    ? { set: `publish-any${version}`, key: wanted, value }
    : { set: `publish${version}`, key: `${port.hostIp} . ${wanted}`, value };
  return [publish, open];
}

/** A recipient's links: exactly the source's exposed ports, from this one address to that one, and only while both live. */
export function linkElements(record: SandboxRecord, table: NetworkTable): Element[] {
  return linkedSources(record, table).flatMap(({ from, to, ports }) => ports.flatMap((port) => holes(from, to, `${port.protocol} . ${port.port}`)));
}

function holes(from: Endpoint, to: Endpoint, port: string): Element[] {
  const elements: Element[] = [];
  if (from.ipv4 && to.ipv4) elements.push({ set: 'holes4', key: `${from.ipv4} . ${to.ipv4} . ${port}` });
  if (from.ipv6 && to.ipv6) elements.push({ set: 'holes6', key: `${from.ipv6} . ${to.ipv6} . ${port}` });
  return elements;
}
