/** `builder` of daemon.json: what the cache of builds may keep. Names of fields are of any case, as Go reads them. */
import { readCacheFilters } from '../api/map/build-prune.ts';
import { invalid } from '../base/errors.ts';
import type { BuildCacheBounds, BuildCacheRule } from '../model/build-cache.ts';
import { readMemorySize } from './memory-size.ts';
import { isObject } from './options/file-values.ts';

type Fields = ReadonlyMap<string, unknown>;

const GC_FIELDS = [
  'enabled',
  'policy',
  'defaultreservedspace',
  'defaultmaxusedspace',
  'defaultminfreespace',
  'defaultkeepstorage',
];
const RULE_FIELDS = ['all', 'filter', 'reservedspace', 'maxusedspace', 'minfreespace', 'keepstorage'];
const FILTERS = ['until', 'unused-for', 'id', 'parent', 'type', 'description', 'inuse', 'shared', 'private'];

/** `text`: the object as JSON; '' = there is none. @throws invalid, naming the key */
export function readBuildCacheBounds(text: string): BuildCacheBounds {
  const builder = text === '' ? new Map<string, unknown>() : fieldsOf(JSON.parse(text), 'builder');
  const gc = builder.get('gc') === undefined ? new Map<string, unknown>() : fieldsOf(builder.get('gc'), 'builder.gc');
  refuseOthers(gc, GC_FIELDS, 'builder.gc');
  const policy = gc.get('policy') ?? undefined;
  if (policy !== undefined && !Array.isArray(policy)) throw invalid('builder.gc.policy: expected a list');
  return {
    isEnabled: flag(gc, 'enabled', true, 'builder.gc'),
    rules: policy?.map((rule: unknown, i) => readRule(rule, `builder.gc.policy[${i}]`)),
    defaults: {
      // What it was called before dockerd 28.
      reservedBytes: size(gc, 'defaultreservedspace', 'builder.gc') || size(gc, 'defaultkeepstorage', 'builder.gc'),
      maxUsedBytes: size(gc, 'defaultmaxusedspace', 'builder.gc'),
      minFreeBytes: size(gc, 'defaultminfreespace', 'builder.gc'),
    },
  };
}

function readRule(value: unknown, where: string): BuildCacheRule {
  const rule = fieldsOf(value, where);
  refuseOthers(rule, RULE_FIELDS, where);
  return {
    all: flag(rule, 'all', false, where),
    ...readFilter(rule.get('filter') ?? [], `${where}.filter`),
    reservedBytes: size(rule, 'reservedspace', where) || size(rule, 'keepstorage', where),
    maxUsedBytes: size(rule, 'maxusedspace', where),
    minFreeBytes: size(rule, 'minfreespace', where),
  };
}

/** `["unused-for=48h"]`, or as of old `{"unused-for": {"48h": true}}`. */
function readFilter(value: unknown, where: string): Pick<BuildCacheRule, 'unusedForMs' | 'accept'> {
  const pairs = Array.isArray(value)
    ? value.map((one) => (typeof one === 'string' ? pairOf(one) : undefined))
    : isObject(value)
      ? Object.entries(value).flatMap(([name, values]) =>
          isObject(values) ? Object.keys(values).map((one) => [name, one] as const) : [undefined],
        )
      : [undefined];
  const filters: Record<string, string[]> = {};
  for (const pair of pairs) {
    if (!pair) throw invalid(`${where}: expected a list of strings, like ["unused-for=48h"]`);
    const [name, one] = pair;
    if (!FILTERS.includes(name)) throw invalid(`${where}: invalid filter '${name}'`);
    (filters[name] ??= []).push(one);
  }
  try {
    return readCacheFilters(filters);
  } catch (error) {
    throw invalid(`${where}: ${(error as Error).message}`, error);
  }
}

function pairOf(text: string): readonly [string, string] {
  const [name = '', value = ''] = text.split(/=(.*)/s);
  return [name.trim().toLowerCase(), value.trim()];
}

function fieldsOf(value: unknown, where: string): Fields {
  if (!isObject(value)) throw invalid(`${where}: expected an object`);
  return new Map(Object.entries(value).map(([name, one]) => [name.toLowerCase(), one]));
}

function refuseOthers(fields: Fields, known: readonly string[], where: string): void {
  for (const name of fields.keys())
    if (!known.includes(name)) throw invalid(`${where}: the following directives don't match any option: ${name}`);
}

function flag(fields: Fields, name: string, fallback: boolean, where: string): boolean {
  const value = fields.get(name) ?? fallback;
  if (typeof value !== 'boolean') throw invalid(`${where}.${name}: expected true or false`);
  return value;
}

/** 0 where it is not given. */
function size(fields: Fields, name: string, where: string): number {
  const value = fields.get(name) ?? '';
  if (value === '') return 0;
  const bytes = typeof value === 'string' ? readMemorySize(value) : undefined;
  if (bytes === undefined) throw invalid(`${where}: failed to parse ${name}: invalid size: ${JSON.stringify(value)}`);
  return bytes;
}
