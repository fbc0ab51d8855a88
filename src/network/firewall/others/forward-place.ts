/**
 * Where in iptables' FORWARD chain the engine's jump belongs: behind all that an ordinary packet of a container passes,
 * so that bans of particular addresses, ports and interfaces count for containers too, and right before what would drop
 * it. Pure.
 */
import { addTo } from '../../../base/grouped.ts';
import { LongWork } from '../../../base/long-work.ts';
import type { FilterRule, ProbePacket } from './filter-model.ts';
import { targetOf, type IptablesListing } from './iptables-listing.ts';
import { iptablesRule } from './iptables-rules.ts';
import { WAY_MARK } from '../ruleset.ts';

export const JUMP_CHAIN = 'CAUSEWAY-FORWARD';
export const USER_CHAIN = 'DOCKER-USER';
/**
 * How the engine's own jump to the user's chain is represented: the mark that it matches tells it from others' jumps.
 */
export const USER_JUMP = `${USER_CHAIN} of what is marked`;
export const MARK = `0x${WAY_MARK.toString(16)}/0x${WAY_MARK.toString(16)}`;

/** The jump target of a rule of FORWARD. */
export function forwardTarget(tokens: readonly string[]): string {
  const target = targetOf(tokens);
  return target === USER_CHAIN && tokens.includes(MARK) ? USER_JUMP : target;
}

/**
 * Numbers of rules of FORWARD, the engine's own jumps not counted: anywhere from before `first` to before `last` is
 * right.
 */
export interface Place {
  readonly first: number;
  readonly last: number;
  /** Whether something does drop packets, at `last`. */
  readonly stops: boolean;
  /** The first rule that decides about an ordinary packet, drop or accept. */
  readonly decides: number;
  /** Whether all packets meet the user's chain before that one, by a rule that is not the engine's. */
  readonly asksUser: boolean;
}

const MAX_STEPS = 2_000_000; // of more rules, the first that was not looked at counts as a drop
const MAX_DEPTH = 32;

interface Chains {
  readonly names: ReadonlySet<string>;
  readonly rules: ReadonlyMap<string, readonly FilterRule[]>;
  /** Their jump targets, in the same order. */
  readonly targets: ReadonlyMap<string, readonly string[]>;
}

/** Takes its time, in which others get their turns. */
export async function placeOf(
  listing: IptablesListing,
  probes: readonly ProbePacket[],
  work = new LongWork(),
): Promise<Place> {
  const chains = await chainsOf(listing, work);
  const steps = { left: MAX_STEPS };
  const end = listing.policies.get('FORWARD') === 'DROP' ? 'drop' : 'accept';
  const targets = chains.targets.get('FORWARD') ?? [];
  let [stops, last, decides] = [false, targets.length, targets.length];
  for (const packet of probes) {
    const fate = fateOf(chains, packet, end, steps);
    decides = Math.min(decides, fate.at);
    if (fate.end === 'drop') [stops, last] = [true, Math.min(last, fate.at)];
    if (work.isDue) await work.pause();
  }
  // Before what only logs: it would log as dropped what is not dropped.
  let first = last;
  while (first > 0 && isIdle(chains, targets[first - 1]!)) first--;
  const userAt = listing.rules
    .filter(({ chain, tokens }) => chain === 'FORWARD' && !isOurs(tokens))
    .findIndex(({ tokens }) => tokens.length === 2 && tokens[1] === USER_CHAIN);
  return { first, last, stops, decides, asksUser: userAt >= 0 && userAt <= decides };
}

/**
 * What containers send and get, as far as it is known: to and from the uplinks, through published ports, and among
 * themselves.
 */
export function ordinaryPackets(
  family: 'ip' | 'ip6',
  bridges: readonly string[],
  uplinks: readonly string[],
): ProbePacket[] {
  const common = { family, saddr: '', daddr: '', mark: 0 } as const;
  const outsides = uplinks.length > 0 ? uplinks : [''];
  const ways = bridges.flatMap((bridge, index) => [
    ...outsides.flatMap((uplink) => [
      { ...common, iifname: bridge, oifname: uplink, translated: false },
      { ...common, iifname: uplink, oifname: bridge, translated: true },
    ]),
    { ...common, iifname: bridge, oifname: bridge, translated: false }, // where bridged packets pass the filters
    { ...common, iifname: bridge, oifname: bridges[(index + 1) % bridges.length]!, translated: true },
  ]);
  return ways.flatMap((packet): ProbePacket[] => [packet, { ...packet, protocol: 'udp' }]);
}

const isOurs = (tokens: readonly string[]): boolean => [JUMP_CHAIN, USER_JUMP].includes(forwardTarget(tokens));

/**
 * Without the engine's own jumps, and without the contents of the user's chain: those count in any case, and are no
 * reason to pass it by.
 */
async function chainsOf({ chains: names, rules: listed }: IptablesListing, work: LongWork): Promise<Chains> {
  const [rules, targets] = [new Map<string, FilterRule[]>(), new Map<string, string[]>()];
  for (const { chain, tokens } of listed) {
    if (work.isDue) await work.pause();
    if (isOurs(tokens) || chain === USER_CHAIN) continue;
    addTo(rules, chain, iptablesRule(tokens, names));
    addTo(targets, chain, targetOf(tokens));
  }
  return { names, rules, targets };
}

/** What becomes of the packet, and in which rule of FORWARD; the number of rules where the policy decides. */
function fateOf(
  { rules }: Chains,
  packet: ProbePacket,
  policy: 'accept' | 'drop',
  steps: { left: number },
): { readonly at: number; readonly end: 'accept' | 'drop' } {
  const walk = (chain: string, depth: number): 'accept' | 'drop' | undefined => {
    for (const rule of rules.get(chain) ?? []) {
      if (steps.left-- <= 0 || depth > MAX_DEPTH) return 'drop';
      const verdict = rule.verdict(packet);
      if (verdict?.kind === 'accept' || verdict?.kind === 'drop') return verdict.kind;
      if (verdict?.kind === 'return') return undefined;
      if (verdict?.kind === 'goto') return walk(verdict.target, depth + 1);
      const end = verdict?.kind === 'jump' ? walk(verdict.target, depth + 1) : undefined;
      if (end !== undefined) return end;
    }
    return undefined;
  };
  const base = rules.get('FORWARD') ?? [];
  for (const [at, rule] of base.entries()) {
    if (steps.left-- <= 0) return { at, end: 'drop' };
    const verdict = rule.verdict(packet);
    if (verdict === undefined) continue;
    const isJump = verdict.kind === 'jump' || verdict.kind === 'goto';
    const end = isJump ? walk(verdict.target, 1) : verdict.kind;
    if (end === 'accept' || end === 'drop') return { at, end };
    if (end === 'return' || verdict.kind === 'goto') return { at, end: policy };
  }
  return { at: base.length, end: policy };
}

/** Whether a rule that jumps there decides nothing about any packet: it logs, counts, or finds an empty chain. */
function isIdle(chains: Chains, target: string, seen = new Set<string>()): boolean {
  if (['', 'LOG', 'NFLOG', 'ULOG'].includes(target) || seen.has(target)) return true;
  seen.add(target); // one that is not ends the search
  return (
    target !== USER_CHAIN &&
    chains.names.has(target) &&
    (chains.targets.get(target) ?? []).every((next) => isIdle(chains, next, seen))
  );
}
