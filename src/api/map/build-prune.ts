/** What POST /build/prune is to remove. */
import { invalid } from '../../base/errors.ts';
import type { BuildCacheRecord, BuildPruneOptions } from '../../model/build-cache.ts';
import type { Filters } from '../../model/filters.ts';
import type { Query } from '../query.ts';

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** @throws invalid */
export function readPruneOptions(query: Query, filters: Filters): BuildPruneOptions {
  return {
    all: query.flag('all'),
    keepBytes: query.integer('reserved-space') ?? query.integer('keep-storage') ?? 0,
    ...readCacheFilters(filters),
  };
}

/** Which records are meant, by filters as prune has them. @throws invalid */
export function readCacheFilters(filters: Filters): Pick<BuildPruneOptions, 'unusedForMs' | 'accept'> {
  const until = filters['until'] ?? [];
  if (until.length > 1) throw invalid("expected only one value for 'until'");
  const age = until[0] ?? filters['unused-for']?.[0];
  return {
    unusedForMs: age === undefined ? 0 : durationMs(age),
    accept: (record) => accepts(record, filters),
  };
}

function durationMs(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (text !== '0' && (parts.length === 0 || parts.map(([part]) => part).join('') !== text))
    throw invalid(`"until" filter expects a duration (e.g., '24h') or a timestamp`);
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNITS[unit!]!, 0);
}

function accepts(record: BuildCacheRecord, filters: Filters): boolean {
  const is = (name: string, matches: (value: string) => boolean): boolean => {
    const values = filters[name];
    return values === undefined || values.length === 0 || values.some(matches);
  };
  return (
    is('id', (id) => record.id.startsWith(id)) &&
    is('parent', (id) => record.parents.some((parent) => parent.startsWith(id))) &&
    is('type', (type) => record.kind === type) &&
    is('description', (text) => record.description.includes(text)) &&
    is('inuse', (value) => record.inUse === (value === 'true')) &&
    is('shared', (value) => record.shared === (value === 'true')) &&
    is('private', (value) => record.shared !== (value === 'true'))
  );
}
