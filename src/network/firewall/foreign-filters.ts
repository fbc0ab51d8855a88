/** The forward chains of others on this host, in the order in which packets meet them. */
import type { RulesetContext } from '../../kernel/nftables/ruleset.ts';
import { isKernelError } from '../../kernel/errors.ts';
import type { Filter, FilterRule } from './filter-model.ts';
import { parseListing } from './iptables-listing.ts';
import { iptablesRule } from './iptables-rules.ts';
import { legacyListing, listing, type IptablesFamily } from './iptables-way.ts';
import { listChains, listRules, type ListedChain, type ListedRule } from './nft-listing.ts';
import { nftRule, type SetReader } from './nft-rules.ts';
import { FAMILY, TABLE } from './schema.ts';

const IPTABLES_PRIORITY: Readonly<Record<string, number>> = { mangle: -150, filter: 0, security: 50 };

/** In the namespace of the context, which is that of this process. */
export async function foreignFilters(context: RulesetContext): Promise<Filter[]> {
  const bases = listChains(context).filter((chain) => chain.hook === 'forward' && isFiltered(chain) && !(chain.family === FAMILY && chain.table === TABLE));
  const filters: Filter[] = [];
  for (const base of bases) filters.push(await nftFilter(context, base));
  for (const family of ['ip', 'ip6'] as const) {
    for (const table of Object.keys(IPTABLES_PRIORITY)) {
      const text = await legacyListing(family, table);
      if (text !== undefined) filters.push(iptablesFilter(text, 'iptables-legacy', family, table));
    }
  }
  return filters.toSorted((a, b) => a.priority - b.priority);
}

const isFiltered = ({ family }: ListedChain): boolean => family === 'ip' || family === 'ip6' || family === 'inet';

async function nftFilter(context: RulesetContext, base: ListedChain): Promise<Filter> {
  const { family, table, name, prio = 0 } = base;
  const listed = listRules(context, `table ${family} ${table}`);
  const opaque = listed.some(({ expr = [] }) => expr.some((one) => (one['xt'] as { type?: string } | undefined)?.type === 'match'));
  if (opaque && family !== 'inet' && name === 'FORWARD') {
    const text = await listing('nft', family as IptablesFamily, table);
    if (text !== undefined) return iptablesFilter(text, 'iptables', family as IptablesFamily, table);
  }
  const chains = new Map<string, FilterRule[]>();
  const sets = setReader(context, family, table, listed);
  for (const { chain, expr = [] } of listed) {
    const rules = chains.get(chain);
    if (rules) rules.push(nftRule(expr, sets));
    else chains.set(chain, [nftRule(expr, sets)]);
  }
  const writer = family !== 'inet' && name === 'FORWARD' && table in IPTABLES_PRIORITY ? 'iptables' : 'nft';
  return { family: family as Filter['family'], table, writer, base: name, priority: prio, policy: base.policy === 'drop' ? 'drop' : 'accept', chains };
}

function iptablesFilter(text: string, writer: 'iptables' | 'iptables-legacy', family: IptablesFamily, table: string): Filter {
  const { policies, chains: names, rules } = parseListing(text);
  const chains = new Map<string, FilterRule[]>();
  for (const { chain, tokens } of rules) {
    const list = chains.get(chain);
    const rule = iptablesRule(tokens, names);
    if (list) list.push(rule);
    else chains.set(chain, [rule]);
  }
  return { family, table, writer, base: 'FORWARD', priority: IPTABLES_PRIORITY[table] ?? 0, policy: policies.get('FORWARD') === 'DROP' ? 'drop' : 'accept', chains };
}

/** Sets that tell interfaces apart are read; those of addresses may be long, and are for something special. */
function setReader(context: RulesetContext, family: string, table: string, rules: readonly ListedRule[]): SetReader {
  const wanted = new Set(rules.flatMap(({ expr = [] }) => expr.flatMap((one) => setsOfInterfaces(one))));
  const known = new Map<string, readonly unknown[] | undefined>();
  return (name) => {
    if (!wanted.has(name)) return undefined;
    if (!known.has(name)) known.set(name, readSet(context, family, table, name));
    return known.get(name);
  };
}

function setsOfInterfaces(expression: Readonly<Record<string, unknown>>): string[] {
  const { left, right } = (expression['match'] ?? {}) as { left?: unknown; right?: unknown };
  const { key, data } = (expression['vmap'] ?? {}) as { key?: unknown; data?: unknown };
  return ([[left, right], [key, data]] as const).flatMap(([what, set]) => (typeof set === 'string' && set.startsWith('@') && /"(iifname|oifname|iif|oif)"/.test(JSON.stringify(what)) ? [set.slice(1)] : []));
}

function readSet(context: RulesetContext, family: string, table: string, name: string): readonly unknown[] | undefined {
  for (const kind of ['set', 'map'] as const) {
    try {
      const listed = context.list(`list ${kind} ${family} ${table} ${name}`, { json: true }) as { nftables?: readonly Record<string, { elem?: readonly unknown[] }>[] };
      const found = listed.nftables?.map((entry) => entry[kind]).find((one) => one !== undefined);
      if (found) return found.elem ?? [];
    } catch (error) {
      if (!isKernelError(error)) throw error;
    }
  }
  return undefined;
}
