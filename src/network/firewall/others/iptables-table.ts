/**
 * Whether a chain that is called as one of iptables' is iptables' own. The names are free, and users of nftables take
 * the same ones: rules that they wrote are left alone. iptables cannot be asked: what it does not understand of a rule
 * (a set, a state) it leaves out of its listing, and a ban becomes a drop of everything.
 */
import { groupedBy } from '../../../base/grouped.ts';
import type { RuleSource } from '../../../kernel/nftables/ruleset-reader.ts';
import { USER_CHAIN } from './forward-place.ts';
import { rulesIn, type Expression, type ListedChain, type ListedRule } from './nft-listing.ts';
import { targetsOf } from './nft-rules.ts';

/** The priority of the chains of each of its tables that forwarded packets meet. */
export const IPTABLES_PRIORITY: Readonly<Record<string, number>> = { raw: -300, mangle: -150, filter: 0, security: 50 };
const SMALL_TABLE = 2_000; // rules; of a larger one only the base chain is read

/** Chains of one table, of which `base` is the one at the hook; `rules` those that were read. */
export function isOfIptables(base: ListedChain, rules: readonly ListedRule[]): boolean {
  if (
    (base.family !== 'ip' && base.family !== 'ip6') ||
    base.name !== base.hook?.toUpperCase() ||
    IPTABLES_PRIORITY[base.table] !== (base.prio ?? 0)
  )
    return false;
  const byChain = groupedBy(rules, ({ chain }) => chain);
  const chains = new Set([base.name]);
  for (const chain of chains) {
    if (chain === USER_CHAIN) continue; // the user's rules count as written, whichever rule jumps there
    for (const { expr = [] } of byChain.get(chain) ?? []) {
      if (!isWrittenByIptables(expr)) return false;
      for (const target of targetsOf(expr, () => undefined)) chains.add(target); // a set goes on to what is added meanwhile
    }
  }
  return true;
}

/** The same of what the kernel has. */
export async function isTableOfIptables(reader: RuleSource, base: ListedChain): Promise<boolean> {
  const { family, table, name } = base;
  if (family !== 'ip' && family !== 'ip6') return false;
  const isSmall = reader.countRules({ family, table }, SMALL_TABLE) <= SMALL_TABLE;
  return isOfIptables(
    base,
    rulesIn(await reader.list(isSmall ? `list table ${family} ${table}` : `list chain ${family} ${table} ${name}`)),
  );
}

const VERDICTS = new Set(['accept', 'drop', 'reject', 'return', 'jump', 'goto', 'queue']);
const LOOKS = new Set(['counter', 'xt', 'limit', 'log', 'mangle']);

/** It counts in each of its rules, and names neither sets nor states in nft's own way. */
function isWrittenByIptables(expressions: readonly Expression[]): boolean {
  return expressions.some((one) => 'counter' in one) && expressions.every(isKnownToIptables);
}

function isKnownToIptables(expression: Expression): boolean {
  const [kind = ''] = Object.keys(expression);
  if (kind !== 'match') return VERDICTS.has(kind) || LOOKS.has(kind);
  const { left, right } = expression['match'] as { left?: unknown; right?: unknown };
  const masked = (left as { '&'?: readonly unknown[] } | undefined)?.['&']?.[0];
  const field = (masked ?? left) as { meta?: unknown; payload?: unknown } | undefined;
  if (field?.meta === undefined && field?.payload === undefined) return false;
  const isSet =
    (typeof right === 'string' && right.startsWith('@')) ||
    (typeof right === 'object' && right !== null && 'set' in right);
  return !isSet;
}
