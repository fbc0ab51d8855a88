/** The names that a container answers to on one network. */
import type { EndpointSpec } from '../../model/endpoint.ts';
import { shortId } from '../../model/ids.ts';

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
