/** --ulimit nofile=1024:2048: soft and hard; one number sets both, -1 means no limit. */
import type { FlagType } from '../command/flag-types.ts';
import { cut } from './flag-checks.ts';

export interface Ulimit {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

const NAMES = new Set([
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]);

function parseUlimit(value: string): Ulimit {
  const [name, limits] = cut(value, '=');
  if (limits === undefined) throw new Error(`invalid ulimit argument: ${value}`);
  if (!NAMES.has(name)) throw new Error(`invalid ulimit type: ${name}`);
  const [softText, hardText, ...more] = limits.split(':');
  if (more.length > 0)
    throw new Error(`too many limit value arguments - ${limits}, can only have up to two, \`soft[:hard]\``);
  const soft = parseLimit(softText ?? '');
  const hard = hardText === undefined ? soft : parseLimit(hardText);
  if (hard !== -1 && (soft > hard || soft === -1)) {
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
  }
  return { Name: name, Soft: soft, Hard: hard };
}

function parseLimit(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

export const ulimitType: FlagType = {
  label: 'ulimit',
  zero: [],
  zeroShown: '[]',
  set: (raw, before) => {
    const limit = parseUlimit(raw);
    const others = ((before as Ulimit[] | undefined) ?? []).filter(({ Name }) => Name !== limit.Name);
    return [...others, limit].toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
  },
};
