/** Docker's filters of networks, for lists and for prune. */
import { invalid } from '../../base/errors.ts';
import { anyPattern } from '../../base/linear-match.ts';
import type { NetworkRecord } from '../../model/network.ts';
import type { Filters } from '../../model/filters.ts';
import { lacksLabels, matchesLabels } from '../system/label-filter.ts';
import { parseUntilMs } from '../system/time-filter.ts';

type NetworkPredicate = (network: NetworkRecord) => boolean;

/** `isUsed`: whether a container is connected to it and runs. Throws `invalid` in Docker's words. */
export async function networkPredicate(filters: Filters, isUsed: NetworkPredicate): Promise<NetworkPredicate> {
  refuseUnknown(filters, ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type']);
  for (const type of filters['type'] ?? []) {
    if (type !== 'custom' && type !== 'builtin') throw invalid(`invalid filter: 'type'='${type}'`);
  }
  const dangling = danglingFilter(filters['dangling'] ?? []);
  const any = (name: string, test: (value: string) => boolean): boolean =>
    !filters[name]?.length || filters[name].some(test);
  const [matchesId, matchesName] = await Promise.all([
    anyPattern(filters['id'] ?? []),
    anyPattern(filters['name'] ?? []),
  ]);
  return (network) =>
    any('driver', (driver) => network.driver === driver) &&
    (!filters['id']?.length || matchesId(network.id)) &&
    (!filters['name']?.length || matchesName(network.name)) &&
    any('scope', (scope) => network.scope === scope) &&
    any('type', (type) => (type === 'builtin') === network.predefined) &&
    matchesLabels(network.labels, filters['label'] ?? []) &&
    (dangling === undefined || dangling === (!network.predefined && !isUsed(network)));
}

/** Which unused networks prune may remove. Throws `invalid` in Docker's words. */
export function prunePredicate(filters: Filters, nowMs: number): NetworkPredicate {
  refuseUnknown(filters, ['until', 'label', 'label!']);
  const [until, ...more] = filters['until'] ?? [];
  if (more.length > 0) throw invalid('more than one until filter specified');
  const untilMs = until === undefined ? Infinity : parseUntilMs(until, nowMs);
  return (network) =>
    !network.predefined &&
    !network.configOnly &&
    Date.parse(network.createdAt) <= untilMs &&
    matchesLabels(network.labels, filters['label'] ?? []) &&
    lacksLabels(network.labels, filters['label!'] ?? []);
}

function refuseUnknown(filters: Filters, known: readonly string[]): void {
  for (const name of Object.keys(filters)) if (!known.includes(name)) throw invalid(`invalid filter '${name}'`);
}

function danglingFilter(values: readonly string[]): boolean | undefined {
  if (values.length > 1) throw invalid('got more than one value for filter key "dangling"');
  const [value] = values;
  if (value === undefined) return undefined;
  if (value === '1' || value === 'true') return true;
  if (value === '0' || value === 'false') return false;
  throw invalid('invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")');
}
