/**
 * What others' firewalls do to forwarded packets: an accept of ours ends nothing but our own chain, a drop anywhere is final.
 * Only what can be told from a chain on its own is told: its policy, a drop at its end or for a bridge of ours.
 */
import { existsSync, readFileSync } from 'node:fs';
import { runProgram } from '../../base/program.ts';
import type { RulesetContext } from '../../kernel/nftables/ruleset.ts';
import { FAMILY, TABLE } from './schema.ts';

export interface ForeignDrop {
  /** 'ip filter FORWARD', or 'iptables-legacy FORWARD'. */
  readonly chain: string;
  /** What in it drops: 'policy drop', or a rule: 'iifname "docker0" drop'. */
  readonly by: string;
  /** What to do about it, as a command. */
  readonly advice: string;
}

interface ListedChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

type Expression = Readonly<Record<string, unknown>>;

interface ListedRule {
  readonly chain: string;
  readonly expr?: readonly Expression[];
}

interface Listing {
  readonly nftables?: readonly { readonly chain?: ListedChain; readonly rule?: ListedRule }[];
}

/** In the namespace of the context. `isBridge` tells our bridges' names; `bridge` is the one that advice speaks of. */
export function foreignDrops(context: RulesetContext, isBridge: (name: string) => boolean, bridge: string): ForeignDrop[] {
  const chains = (context.list('list chains', { json: true }) as Listing).nftables?.flatMap((entry) => entry.chain ?? []) ?? [];
  const forwarding = chains.filter((chain) => chain.hook === 'forward' && ['ip', 'ip6', 'inet'].includes(chain.family) && !(chain.family === FAMILY && chain.table === TABLE));
  return forwarding.flatMap((chain): ForeignDrop[] => {
    const place = `${chain.family} ${chain.table} ${chain.name}`;
    const advice = `nft insert rule ${place} oifname "${bridge}" accept; nft insert rule ${place} iifname "${bridge}" accept`;
    const listed = context.list(`list chain ${place}`, { json: true, terse: true }) as Listing;
    const rules = listed.nftables?.flatMap((entry) => entry.rule ?? []) ?? [];
    if (chain.policy === 'drop' && !letsThrough(rules, isBridge)) return [{ chain: place, by: 'policy drop', advice }];
    const rule = rules.map((one) => one.expr ?? []).find((expressions) => drops(expressions) && meansContainers(expressions, isBridge));
    if (!rule || (interfacesOf(rule).length === 0 && letsThrough(rules, isBridge))) return [];
    return [{ chain: place, by: describe(rule), advice }];
  });
}

/** Whether rules of the chain itself let through what comes from a bridge of ours, and what goes there. */
function letsThrough(rules: readonly ListedRule[], isBridge: (name: string) => boolean): boolean {
  const accepted = (key: string) =>
    rules.some(({ expr = [] }) => expr.some((one) => 'accept' in one) && interfacesOf(expr).some(([side, name]) => side === key && isBridge(name)));
  return accepted('iifname') && accepted('oifname');
}

function drops(expressions: readonly Expression[]): boolean {
  return expressions.some((one) => 'drop' in one || 'reject' in one || (one['xt'] as { name?: string } | undefined)?.name === 'REJECT');
}

/** All packets, or those of a bridge of ours; what matches something else besides may have its reasons. */
function meansContainers(expressions: readonly Expression[], isBridge: (name: string) => boolean): boolean {
  const matches = expressions.filter((one) => !['drop', 'reject', 'counter', 'log', 'limit', 'comment', 'xt'].some((key) => key in one));
  const named = interfacesOf(expressions);
  return matches.length === named.length && named.every(([, name]) => isBridge(name)) && !expressions.some((one) => 'limit' in one);
}

function interfacesOf(expressions: readonly Expression[]): [side: string, name: string][] {
  return expressions.flatMap((one): [string, string][] => {
    const match = one['match'] as { op?: string; left?: { meta?: { key?: string } }; right?: unknown } | undefined;
    const key = match?.left?.meta?.key ?? '';
    return match?.op === '==' && (key === 'iifname' || key === 'oifname') && typeof match.right === 'string' ? [[key, match.right]] : [];
  });
}

function describe(expressions: readonly Expression[]): string {
  const verdict = expressions.some((one) => 'drop' in one) ? 'drop' : 'reject';
  return [...interfacesOf(expressions).map(([side, name]) => `${side} "${name}"`), verdict].join(' ');
}

/** The same of iptables' own tables in the kernel, which nft does not show. In the namespace of this process. */
export async function legacyDrops(bridge: string): Promise<ForeignDrop[]> {
  const found: ForeignDrop[] = [];
  for (const [names, program] of [
    ['/proc/net/ip_tables_names', 'iptables-legacy'],
    ['/proc/net/ip6_tables_names', 'ip6tables-legacy'],
  ] as const) {
    // Asking makes the table: only one that is there is looked at.
    if (!existsSync(names) || !/^filter$/m.test(readFileSync(names, 'utf8'))) continue;
    const listed = await runProgram(program, ['-S', 'FORWARD']).catch(() => undefined);
    if (!listed || listed.code !== 0 || !/^-P FORWARD DROP$/m.test(listed.stdout)) continue;
    const passes = (option: string) => new RegExp(`^-A FORWARD .*${option} (docker0|br-\\S+|${bridge}) .*-j ACCEPT`, 'm').test(listed.stdout);
    if (passes('-i') && passes('-o')) continue;
    found.push({ chain: `${program} FORWARD`, by: 'policy drop', advice: `${program} -I FORWARD -o ${bridge} -j ACCEPT; ${program} -I FORWARD -i ${bridge} -j ACCEPT` });
  }
  return found;
}

/** As `info` and the doctor say it. */
export function sentenceOf({ chain, by }: ForeignDrop): string {
  return `another firewall's chain "${chain}" drops forwarded packets (${by}): published ports and outgoing traffic of containers may not pass`;
}
