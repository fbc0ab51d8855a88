/** The chains of others on this host that forwarded packets meet, in the order in which packets meet them. */
import { errorMessage } from '../../../base/errors.ts';
import type { NftFamily } from '../../../kernel/nftables/batch.ts';
import type { RuleSource } from '../../../kernel/nftables/ruleset-reader.ts';
import type { Effort, Filter, Hook } from './filter-model.ts';
import { HostPrograms } from './host-program.ts';
import { IPTABLES_PRIORITY, isOfIptables } from './iptables-table.ts';
import { hasLegacyTable, listing, type IptablesFamily, type WholeListing } from './iptables-program.ts';
import type { ListedChain } from './nft-listing.ts';
import { RuleReading, SMALL_TABLE } from './rule-reading.ts';
import { FAMILY, TABLE } from '../schema.ts';

/**
 * Of all chains that forwarded packets meet: more of them would take seconds of processor time and hundreds of
 * megabytes.
 */
export const MAX_RULES = 20_000;
const ASKING = new HostPrograms();

const ORDER: readonly Hook[] = ['prerouting', 'forward', 'postrouting'];

/** A chain whose rules are not known. */
export interface Unread {
  /** 'iptables-legacy (chain "ip filter FORWARD")' */
  readonly what: string;
  /** 'more than 20000 rules' */
  readonly why: string;
}

export interface ForeignFilters {
  readonly filters: readonly Filter[];
  readonly unread: readonly Unread[];
  /** Of all hooks: which programs write rules here is recognized by the names. */
  readonly chainNames: readonly string[];
}

/** A table of legacy iptables, whose changes are not notified. */
export interface LegacyTable {
  readonly family: IptablesFamily;
  readonly table: string;
  /** What the program printed, or why it did not. */
  readonly listed: WholeListing | Error;
}

export async function readLegacyTables(): Promise<LegacyTable[]> {
  const names = (['ip', 'ip6'] as const).flatMap((family) =>
    Object.keys(IPTABLES_PRIORITY)
      .filter((table) => hasLegacyTable(family, table))
      .map((table) => ({ family, table })),
  );
  const tables = await Promise.all(
    names.map(async ({ family, table }) => ({
      family,
      table,
      listed: await listing(ASKING, 'legacy', family, table).catch((error: unknown) => new Error(errorMessage(error))),
    })),
  );
  return tables.flatMap(({ listed, ...name }) =>
    listed === undefined || listed === 'incompatible' ? [] : [{ ...name, listed }],
  );
}

/** In the namespace of the reader, which is that of this process. */
export async function foreignFilters(
  reader: RuleSource,
  legacy: readonly LegacyTable[],
  effort: Effort,
): Promise<ForeignFilters> {
  const chains = (await reader.list('list chains')).flatMap(
    (entry) => (entry['chain'] as ListedChain | undefined) ?? [],
  );
  const others = chains.filter((chain) => !(chain.family === FAMILY && chain.table === TABLE));
  const reading = new RuleReading(reader, MAX_RULES, effort.work);
  const found: (Filter | Unread)[] = [];
  // What translates is read last: the room is for what filters.
  for (const base of others
    .filter((chain) => isFiltered(chain))
    .toSorted((a, b) => Number(isNat(a)) - Number(isNat(b)))) {
    if (!canDrop(reader, base)) continue;
    found.push(
      await nftFilter(reading, base).catch((error: unknown) => unread(base, errorMessage(error).split('\n')[0]!)),
    );
  }
  for (const { family, table, listed } of legacy) {
    for (const hook of LEGACY_HOOKS[table] ?? (['forward'] as const))
      found.push(await iptablesFilter(reading, listed, 'iptables-legacy', { family, table, hook }));
  }
  const filters = found.filter((one): one is Filter => 'chains' in one);
  return {
    filters: filters.toSorted((a, b) => ORDER.indexOf(a.hook) - ORDER.indexOf(b.hook) || a.priority - b.priority),
    unread: found.filter((one): one is Unread => 'why' in one),
    chainNames: [
      ...others.map(({ name }) => name),
      ...filters.flatMap((filter) => (filter.writer === 'iptables-legacy' ? [...filter.chains.keys()] : [])),
    ],
  };
}

/**
 * In `bridge` only what goes from one port to another: the rest is not of containers among themselves, and meets the
 * others too.
 */
const isFiltered = ({ family, hook = '', type }: ListedChain): boolean =>
  ((family === 'ip' || family === 'ip6' || family === 'inet') &&
    HOOKS.has(hook) &&
    (hook === 'forward' || type === 'filter' || type === 'nat')) ||
  (family === 'bridge' && hook === 'forward');
/**
 * iptables does not allow drops in its own nat tables, which may be the largest there are: a large one of that name is
 * taken for its own.
 */
const canDrop = (reader: RuleSource, { family, table, name, hook, type }: ListedChain): boolean =>
  type !== 'nat' ||
  table !== 'nat' ||
  name !== hook?.toUpperCase() ||
  reader.countRules({ family: family as NftFamily, table }, SMALL_TABLE) <= SMALL_TABLE;
const isNat = ({ hook, type }: Pick<ListedChain, 'hook' | 'type'>): boolean =>
  type === 'nat' && (hook === 'prerouting' || hook === 'postrouting');
const HOOKS: ReadonlySet<string> = new Set(ORDER);
const LEGACY_HOOKS: Readonly<Record<string, readonly Hook[]>> = {
  raw: ['prerouting'],
  mangle: ORDER,
};

const writerOf = ({ family, table, name, hook }: ListedChain): Filter['writer'] =>
  (family === 'ip' || family === 'ip6') && name === hook?.toUpperCase() && table in IPTABLES_PRIORITY
    ? 'iptables'
    : 'nft';

function unread(
  { family, table, name, ...base }: ListedChain,
  why: string,
  writer: Filter['writer'] = writerOf({ family, table, name, ...base }),
): Unread {
  return { what: `${writer === 'nft' ? 'nftables' : writer} (chain "${family} ${table} ${name}")`, why };
}

const TOO_MANY = `more than ${MAX_RULES} rules`;

async function nftFilter(reading: RuleReading, base: ListedChain): Promise<Filter | Unread> {
  const { family, table, name, prio = 0 } = base;
  const rules = reading.table(family as NftFamily, table);
  const listed = await rules.met(name);
  if (!listed) return unread(base, TOO_MANY);
  const opaque = listed.some(({ expr = [] }) =>
    expr.some((one) => (one['xt'] as { type?: string } | undefined)?.type === 'match'),
  );
  const isOwn = isOfIptables(base, listed);
  const text = opaque && isOwn ? await rules.printed() : undefined;
  if (text !== undefined && text !== 'incompatible')
    return iptablesFilter(reading, text, 'iptables', {
      family: family as IptablesFamily,
      table,
      hook: base.hook as Hook,
    });
  return {
    family: family as Filter['family'],
    hook: base.hook as Hook,
    table,
    writer: isOwn && text === undefined ? 'iptables' : 'nft',
    base: name,
    priority: prio,
    policy: base.policy === 'drop' ? 'drop' : 'accept',
    ...(base.type === 'nat' ? { isNat: true } : {}),
    chains: await rules.chainsOf(listed),
  };
}

async function iptablesFilter(
  reading: RuleReading,
  listed: WholeListing | Error,
  writer: 'iptables' | 'iptables-legacy',
  { family, table, hook }: { readonly family: IptablesFamily; readonly table: string; readonly hook: Hook },
): Promise<Filter | Unread> {
  const base = { family, table, name: hook.toUpperCase() };
  if (listed instanceof Error) return unread(base, listed.message, writer);
  const parsed = await reading.parsed(listed);
  if (!parsed) return unread(base, TOO_MANY, writer);
  return {
    family,
    hook,
    table,
    writer,
    base: base.name,
    priority: IPTABLES_PRIORITY[table] ?? 0,
    policy: parsed.policies.get(base.name) === 'DROP' ? 'drop' : 'accept',
    chains: parsed.chains,
  };
}
