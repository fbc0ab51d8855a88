/** The chains of others on this host that forwarded packets meet, in the order in which packets meet them. */
import { errorMessage, systemError } from '../../../base/errors.ts';
import { isKernelError } from '../../../kernel/errors.ts';
import type { NftFamily } from '../../../kernel/nftables/batch.ts';
import type { RulesetReader } from '../../../kernel/nftables/ruleset-reader.ts';
import type { Effort, Filter, FilterRule, Hook } from './filter-model.ts';
import { HostPrograms } from './host-program.ts';
import { parseLongListing } from './iptables-listing.ts';
import { iptablesRule } from './iptables-rules.ts';
import { IPTABLES_PRIORITY, isOfIptables } from './iptables-table.ts';
import { hasLegacyTable, listing, type IptablesFamily, type WholeListing } from './iptables-program.ts';
import { rulesIn, type Expression, type ListedChain, type ListedRule } from './nft-listing.ts';
import { nftRule, targetsOf, type SetReader } from './nft-rules.ts';
import { FAMILY, TABLE } from '../schema.ts';

/**
 * Of all chains that forwarded packets meet: more of them would take seconds of processor time and hundreds of
 * megabytes.
 */
export const MAX_RULES = 20_000;
const ASKING = new HostPrograms();
const LONG_SET = 65_536; // bytes, of a thousand elements or two
const SMALL_TABLE = 2_000; // rules; of a larger table only the chains that count are read

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

/** How many rules may still be read. */
interface Room {
  rules: number;
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
  reader: RulesetReader,
  legacy: readonly LegacyTable[],
  effort: Effort,
): Promise<ForeignFilters> {
  const chains = (await reader.list('list chains')).flatMap(
    (entry) => (entry['chain'] as ListedChain | undefined) ?? [],
  );
  const others = chains.filter((chain) => !(chain.family === FAMILY && chain.table === TABLE));
  const room: Room = { rules: MAX_RULES };
  const found: (Filter | Unread)[] = [];
  // What translates is read last: the room is for what filters.
  for (const base of others
    .filter((chain) => isFiltered(chain))
    .toSorted((a, b) => Number(isNat(a)) - Number(isNat(b)))) {
    if (!canDrop(reader, base)) continue;
    found.push(
      await nftFilter(reader, base, room, effort).catch((error: unknown) =>
        unread(base, errorMessage(error).split('\n')[0]!),
      ),
    );
  }
  for (const { family, table, listed } of legacy) {
    for (const hook of LEGACY_HOOKS[table] ?? (['forward'] as const))
      found.push(await iptablesFilter(listed, 'iptables-legacy', { family, table, hook }, room, effort));
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
const canDrop = (reader: RulesetReader, { family, table, name, hook, type }: ListedChain): boolean =>
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

async function nftFilter(
  reader: RulesetReader,
  base: ListedChain,
  room: Room,
  effort: Effort,
): Promise<Filter | Unread> {
  const { family, table, name, prio = 0 } = base;
  const sets = new Sets(reader, family, table);
  const listed = await rulesMet(reader, base, room, sets);
  if (!listed) return unread(base, TOO_MANY);
  const opaque = listed.some(({ expr = [] }) =>
    expr.some((one) => (one['xt'] as { type?: string } | undefined)?.type === 'match'),
  );
  const isOwn = isOfIptables(base, listed);
  const text = opaque && isOwn ? await listing(ASKING, 'nft', family as IptablesFamily, table) : undefined;
  if (text !== undefined && text !== 'incompatible')
    return iptablesFilter(
      text,
      'iptables',
      { family: family as IptablesFamily, table, hook: base.hook as Hook },
      room,
      effort,
    );
  const chains = new Map<string, FilterRule[]>();
  for (const { chain, expr = [] } of listed) {
    const rules = chains.get(chain);
    if (rules) rules.push(nftRule(expr, sets.of));
    else chains.set(chain, [nftRule(expr, sets.of)]);
    await effort.work.pauseIfDue();
  }
  return {
    family: family as Filter['family'],
    hook: base.hook as Hook,
    table,
    writer: isOwn && text === undefined ? 'iptables' : 'nft',
    base: name,
    priority: prio,
    policy: base.policy === 'drop' ? 'drop' : 'accept',
    ...(base.type === 'nat' ? { isNat: true } : {}),
    chains,
  };
}

/** The rules that packets can meet from a base chain on; undefined where they are too many. */
async function rulesMet(
  reader: RulesetReader,
  { family, table, name }: ListedChain,
  room: Room,
  sets: Sets,
): Promise<ListedRule[] | undefined> {
  const place = { family: family as NftFamily, table };
  const few = Math.min(SMALL_TABLE, room.rules);
  const whole = reader.countRules(place, few) <= few;
  const found: ListedRule[] = [];
  const chains = new Set([name]);
  for (const chain of chains) {
    if (!whole && reader.countRules({ ...place, chain }, room.rules) > room.rules) return undefined;
    const rules = await readRules(
      reader,
      whole ? `list table ${family} ${word(table)}` : `list chain ${family} ${word(table)} ${word(chain)}`,
    );
    room.rules -= rules.length;
    found.push(...rules);
    for (const { expr = [] } of rules) await sets.learn(expr);
    if (whole) break;
    for (const { expr = [] } of rules) for (const target of targetsOf(expr, sets.of)) chains.add(target); // a set goes on to what is added meanwhile
  }
  return found;
}

/** Names are of others: one that nft does not take for a name must not be taken for a command. */
function word(name: string): string {
  if (!/^[A-Za-z_.][A-Za-z0-9_./-]*$/.test(name))
    throw systemError(`nft cannot be asked for the name ${JSON.stringify(name)}`);
  return name;
}

async function readRules(reader: RulesetReader, command: string): Promise<ListedRule[]> {
  try {
    return rulesIn(await reader.list(command));
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return [];
    throw error;
  }
}

async function iptablesFilter(
  listed: WholeListing | Error,
  writer: 'iptables' | 'iptables-legacy',
  { family, table, hook }: { readonly family: IptablesFamily; readonly table: string; readonly hook: Hook },
  room: Room,
  effort: Effort,
): Promise<Filter | Unread> {
  const base = { family, table, name: hook.toUpperCase() };
  if (listed instanceof Error) return unread(base, listed.message, writer);
  const count = lineCount(listed.text, room.rules);
  if (listed.cut || count > room.rules) return unread(base, TOO_MANY, writer);
  room.rules -= count;
  const { policies, chains: names, rules } = await parseLongListing(listed.text, effort.work);
  const chains = new Map<string, FilterRule[]>();
  for (const { chain, tokens } of rules) {
    const list = chains.get(chain);
    const rule = iptablesRule(tokens, names);
    if (list) list.push(rule);
    else chains.set(chain, [rule]);
    await effort.work.pauseIfDue();
  }
  return {
    family,
    hook,
    table,
    writer,
    base: base.name,
    priority: IPTABLES_PRIORITY[table] ?? 0,
    policy: policies.get(base.name) === 'DROP' ? 'drop' : 'accept',
    chains,
  };
}

/** It stops counting above `limit`. */
function lineCount(text: string, limit: number): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0 && count <= limit; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

/** Sets that tell interfaces or addresses apart. Long ones are blocklists, which serve a special purpose. */
class Sets {
  readonly #known = new Map<string, readonly unknown[] | undefined>();
  readonly #reader: RulesetReader;
  readonly #family: string;
  readonly #table: string;

  constructor(reader: RulesetReader, family: string, table: string) {
    this.#reader = reader;
    this.#family = family;
    this.#table = table;
  }

  readonly of: SetReader = (name) => this.#known.get(name);

  /** Reads those that a rule asks. */
  async learn(expressions: readonly Expression[]): Promise<void> {
    for (const name of expressions.flatMap((one) => setsAsked(one)))
      if (!this.#known.has(name)) this.#known.set(name, await this.#read(name));
  }

  #isLong(set: string): boolean {
    try {
      return (
        this.#reader.sizeOfSet({ family: this.#family as NftFamily, table: this.#table, set }, LONG_SET) > LONG_SET
      );
    } catch (error) {
      if (!isKernelError(error)) throw error;
      return true; // it cannot be read at all
    }
  }

  async #read(name: string): Promise<readonly unknown[] | undefined> {
    if (this.#isLong(name)) return undefined;
    for (const kind of ['set', 'map'] as const) {
      try {
        const entries = await this.#reader.list(`list ${kind} ${this.#family} ${word(this.#table)} ${word(name)}`, {
          elements: true,
        });
        const found = entries
          .map((entry) => entry[kind] as { elem?: readonly unknown[] } | undefined)
          .find((one) => one !== undefined);
        if (found) return found.elem ?? [];
      } catch (error) {
        if (!isKernelError(error)) throw error;
      }
    }
    return undefined;
  }
}

function setsAsked(expression: Expression): string[] {
  const { left, right } = (expression['match'] ?? {}) as { left?: unknown; right?: unknown };
  const { key, data } = (expression['vmap'] ?? {}) as { key?: unknown; data?: unknown };
  return (
    [
      [left, right],
      [key, data],
    ] as const
  ).flatMap(([what, set]) =>
    typeof set === 'string' &&
    set.startsWith('@') &&
    /"(iifname|oifname|iif|oif|saddr|daddr)"/.test(JSON.stringify(what))
      ? [set.slice(1)]
      : [],
  );
}
