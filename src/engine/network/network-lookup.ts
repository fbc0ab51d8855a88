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
  const networks = source.networks();
  const name = ref === 'default' ? 'bridge' : ref;
  const exact = networks.find((network) => network.id === ref) ?? networks.find((network) => network.name === name);
  if (exact || ref === '') return exact;
  const matches = networks.filter((network) => network.id.startsWith(ref));
  if (matches.length > 1) throw invalid(`network ${ref} is ambiguous (${matches.length} matches found based on ID prefix)`);
  return matches[0];
}
