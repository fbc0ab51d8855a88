/**
 * What links point to. On the default bridge a link names a container, on a network of the user's a name there, which
 * may be another container's tomorrow. Pure, over the endpoint table.
 */
import type { Endpoint } from '../../model/endpoint.ts';
import type { Port } from '../../model/port.ts';
import { parseLink } from '../links/parse-link.ts';
import { foldName, nameOfSource } from '../table/dns-names.ts';
import { keepsNeighboursApart } from './network-policy.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { NetworkTable } from '../table/table.ts';

export interface LinkedSource {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly ports: readonly Port[]; // what the source exposes
}

/** A container's links to what lives now, on networks whose containers may not talk to each other without. */
export function linkedSources(record: SandboxRecord, table: NetworkTable): LinkedSource[] {
  return record.sandbox.endpoints.flatMap((from) => {
    const network = table.network(from.networkId);
    if (!network || !keepsNeighboursApart(network)) return [];
    return network.predefined ? linkedById(record, from, table) : linkedByName(from, table);
  });
}

function linkedById({ request }: SandboxRecord, from: Endpoint, table: NetworkTable): LinkedSource[] {
  return request.links.flatMap((link): LinkedSource[] => {
    const to = table.endpoint(from.networkId, link.sourceId);
    return to ? [{ from, to, ports: link.ports }] : [];
  });
}

function linkedByName(from: Endpoint, table: NetworkTable): LinkedSource[] {
  const names = new Set(from.spec.links.map((link) => nameOfSource(parseLink(link).source)));
  if (names.size === 0) return [];
  return table.endpoints(from.networkId).flatMap((to): LinkedSource[] => {
    if (to.containerId === from.containerId || !to.dnsNames.some((name) => names.has(foldName(name)))) return [];
    return [{ from, to, ports: table.sandbox(to.containerId)?.request.exposedPorts ?? [] }];
  });
}

/**
 * Other live containers whose links point to this one, or may: their hosts files and firewall openings follow its
 * state.
 */
export function recipientsOf(containerId: string, networkIds: Iterable<string>, table: NetworkTable): string[] {
  const ids = new Set(table.recipients(containerId).map((record) => record.sandbox.containerId));
  for (const networkId of new Set(networkIds)) {
    const network = table.network(networkId);
    if (!network || network.predefined || !keepsNeighboursApart(network)) continue;
    for (const endpoint of table.endpoints(networkId))
      if (endpoint.spec.links.length > 0) ids.add(endpoint.containerId);
  }
  ids.delete(containerId);
  return [...ids];
}
