/** What libnftables lists as JSON (libnftables-json(5)), as far as others' rules are read here. */
import type { RulesetContext } from '../../../kernel/nftables/ruleset.ts';
import type { ListedEntry } from '../../../kernel/nftables/ruleset-reader.ts';
import { isKernelError } from '../../../kernel/errors.ts';

export type Expression = Readonly<Record<string, unknown>>;

export interface ListedChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly type?: string;
  readonly prio?: number;
  readonly policy?: string;
}

export interface ListedRule {
  readonly chain: string;
  readonly expr?: readonly Expression[];
}

interface Listing {
  readonly nftables?: readonly { readonly chain?: ListedChain; readonly rule?: ListedRule }[];
}

export function listChains(context: RulesetContext): ListedChain[] {
  return (context.list('list chains', { json: true }) as Listing).nftables?.flatMap((entry) => entry.chain ?? []) ?? [];
}

/** 'table ip filter', 'chain ip filter FORWARD'; no rules where there is no such thing. */
export function listRules(context: RulesetContext, what: string): ListedRule[] {
  try {
    return (
      (context.list(`list ${what}`, { json: true, terse: true }) as Listing).nftables?.flatMap(
        (entry) => entry.rule ?? [],
      ) ?? []
    );
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return [];
    throw error;
  }
}

/** A rule's jump target; '' where it only matches. */
export function leadsTo(expressions: readonly Expression[]): string {
  for (const one of expressions) {
    for (const jump of ['jump', 'goto']) if (jump in one) return (one[jump] as { target?: string }).target ?? '';
    for (const verdict of ['accept', 'drop', 'reject', 'return']) if (verdict in one) return verdict.toUpperCase();
    const extension = one['xt'] as { type?: string; name?: string } | undefined;
    if (extension?.type === 'target') return extension.name ?? '';
  }
  return '';
}

/** Whether a rule is for packets with some mark; which, nft does not show of every rule of iptables. */
export function asksMark(expressions: readonly Expression[]): boolean {
  return expressions.some((one) => {
    const left = (one['match'] as { left?: { meta?: unknown; '&'?: readonly unknown[] } } | undefined)?.left;
    const { meta } = (left?.['&']?.[0] ?? left ?? {}) as { meta?: { key?: string } };
    const extension = one['xt'] as { type?: string; name?: string } | undefined;
    return meta?.key === 'mark' || (extension?.type === 'match' && extension.name === 'mark');
  });
}

/** The interface that a rule is for: `iifname "x"`; '' where it names none, or several. */
export function interfaceOf(expressions: readonly Expression[], key: 'iifname' | 'oifname'): string {
  for (const one of expressions) {
    const match = one['match'] as { op?: string; left?: { meta?: { key?: string } }; right?: unknown } | undefined;
    if (match?.op === '==' && match.left?.meta?.key === key && typeof match.right === 'string') return match.right;
  }
  return '';
}

/** The rules among what a reader listed. */
export const rulesIn = (entries: readonly ListedEntry[]): ListedRule[] =>
  entries.flatMap((entry) => (entry['rule'] as ListedRule | undefined) ?? []);
