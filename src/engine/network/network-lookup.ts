/** Finding networks as users name them. */
import { invalid, notFound } from '../../base/errors.ts';
import type { NetworkRecord } from '../../model/network.ts';

export interface NetworkSource {
  networks(): readonly NetworkRecord[];
}

/** By id, then name, then unique id prefix. `default` is the default bridge. */
export function findNetwork(source: NetworkSource, ref: string): NetworkRecord {
  const found = tryFindNetwork(source, ref);
  if (!found) throw notFound(`network ${ref} not found`);
  return found;
}

export function tryFindNetwork(source: NetworkSource, ref: string): NetworkRecord | undefined {
  return findByName(
    source,
    ref === 'default' ? 'bridge' : ref,
    (count) => `network ${ref} is ambiguous (${count} matches found based on ID prefix)`,
  );
}

/** The same for inspect and remove: Docker has another text for ambiguous names there, and no `default`. */
export function findOneNetwork(source: NetworkSource, ref: string): NetworkRecord {
  const found = findByName(
    source,
    ref,
    (count) => `${count} matches found based on ID prefix: network ${ref} is ambiguous`,
  );
  if (!found) throw notFound(`network ${ref} not found`);
  return found;
}

export function driverOf(source: NetworkSource, networkId: string): string {
  return source.networks().find((network) => network.id === networkId)?.driver ?? 'bridge';
}

function findByName(
  source: NetworkSource,
  ref: string,
  ambiguous: (count: number) => string,
): NetworkRecord | undefined {
  const networks = source.networks();
  const exact = networks.find((network) => network.id === ref) ?? networks.find((network) => network.name === ref);
  if (exact || ref === '') return exact;
  const matches = networks.filter((network) => network.id.startsWith(ref));
  if (matches.length > 1) throw invalid(ambiguous(matches.length));
  return matches[0];
}
