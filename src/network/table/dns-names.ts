/** The names that a container answers to on one network. */
import type { EndpointSpec } from '../../model/endpoint.ts';
import { shortId } from '../../model/ids.ts';
import type { NetworkRecord } from '../../model/network.ts';

export interface NamedContainer {
  readonly id: string;
  readonly name: string; // without the slash
  readonly hostname: string; // '' = none of its own
}

/**
 * In the order that inspect shows them, the first being the one that an address resolves back to: name, network
 * aliases, short id, hostname. None on the predefined networks, where links and hosts files serve.
 */
export function dnsNamesFor(
  container: NamedContainer,
  connection: { readonly spec: Pick<EndpointSpec, 'aliases'> },
  network: { readonly predefined: boolean },
): string[] {
  if (network.predefined) return [];
  const names = [container.name, ...connection.spec.aliases, shortId(container.id), container.hostname];
  return [...new Set(names.filter((name) => name !== ''))];
}

/** Whether containers on it find each other by name: networks of the user's, with a driver that connects. */
export function hasNames(network: Pick<NetworkRecord, 'predefined' | 'configOnly'>): boolean {
  return !network.predefined && !network.configOnly;
}

/** A link may name its source by its whole id, of which the first twelve digits are a name. */
export function nameOfSource(source: string): string {
  return /^[0-9a-f]{64}$/.test(source) ? shortId(source) : foldName(source);
}

/** DNS names differ by letter case in ASCII only (RFC 4343), and a trailing dot means nothing. */
export function foldName(name: string): string {
  return name.replace(/\.$/, '').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
