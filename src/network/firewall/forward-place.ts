/**
 * Where in iptables' FORWARD chain our jump belongs: behind all that an ordinary packet of a container passes, so that bans of particular addresses, ports and
 * interfaces count for containers too, and right before what would drop it. Pure.
 */
import { LongWork } from '../../base/long-work.ts';
import type { FilterRule, ProbePacket } from './filter-model.ts';
import { targetOf, type IptablesListing } from './iptables-listing.ts';
import { iptablesRule } from './iptables-rules.ts';

export const JUMP_CHAIN = 'CAUSEWAY-FORWARD';
export const USER_CHAIN = 'DOCKER-USER';

/** Numbers of rules of FORWARD, our own jump not counted: anywhere from before `first` to before `last` is right. */
export interface Place {
  readonly first: number;
  readonly last: number;
  /** Whether something does drop packets, at `last`. */
  readonly stops: boolean;
}

const MAX_STEPS = 2_000_000; // of more rules, the first that was not looked at counts as a drop
const MAX_DEPTH = 32;

interface Chains {
  readonly names: ReadonlySet<string>;
  readonly rules: ReadonlyMap<string, readonly FilterRule[]>;
  /** Where they lead, in the same order. */
  readonly targets: ReadonlyMap<string, readonly string[]>;
}

/** Takes its time, in which others get their turns. */
export async function placeOf(listing: IptablesListing, probes: readonly ProbePacket[], work = new LongWork()): Promise<Place> {
  const chains = await chainsOf(listing, work);
  const steps = { left: MAX_STEPS };
  const end = listing.policies.get('FORWARD') === 'DROP' ? 'drop' : 'accept';
  const stops: number[] = [];
  for (const packet of probes) {
    const at = stopAt(chains, packet, end, steps);
    if (at !== undefined) stops.push(at);
    if (work.isDue) await work.pause();
  }
  const targets = chains.targets.get('FORWARD') ?? [];
  const last = Math.min(targets.length, ...stops);
  // Before what only logs: it would log as dropped what is not.
  let first = last;
  while (first > 0 && isIdle(chains, targets[first - 1]!)) first--;
  return { first, last, stops: stops.length > 0 };
}

/** What containers send and get, as far as it is known: to and from the uplinks, through published ports, and among themselves. */
export function ordinaryPackets(family: 'ip' | 'ip6', bridges: readonly string[], uplinks: readonly string[]): ProbePacket[] {
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

/** Without our own jump, and without what the user has in his chain: that counts in any case, and is no reason to pass it by. */
async function chainsOf({ chains: names, rules: listed }: IptablesListing, work: LongWork): Promise<Chains> {
  const [rules, targets] = [new Map<string, FilterRule[]>(), new Map<string, string[]>()];
  for (const { chain, tokens } of listed) {
    if (work.isDue) await work.pause();
    const target = targetOf(tokens);
    if (target === JUMP_CHAIN || chain === USER_CHAIN) continue;
    put(rules, chain, iptablesRule(tokens, names));
    put(targets, chain, target);
  }
  return { names, rules, targets };
}

function put<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

/** The rule of FORWARD in which the packet is dropped, the number of rules where the policy does it; undefined where it passes. */
function stopAt({ rules }: Chains, packet: ProbePacket, policy: 'accept' | 'drop', steps: { left: number }): number | undefined {
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
    if (steps.left-- <= 0) return at;
    const verdict = rule.verdict(packet);
    if (verdict === undefined) continue;
    const isJump = verdict.kind === 'jump' || verdict.kind === 'goto';
    const end = isJump ? walk(verdict.target, 1) : verdict.kind;
    if (end === 'accept') return undefined;
    if (end === 'drop' || ((end === 'return' || verdict.kind === 'goto') && policy === 'drop')) return at;
    if (end === 'return' || verdict.kind === 'goto') return undefined;
  }
  return policy === 'drop' ? base.length : undefined;
}

/** Whether a rule that leads there decides nothing about any packet: it logs, counts, or finds an empty chain. */
function isIdle(chains: Chains, target: string, seen = new Set<string>()): boolean {
  if (['', 'LOG', 'NFLOG', 'ULOG'].includes(target) || seen.has(target)) return true;
  seen.add(target); // one that is not ends the search
  return target !== USER_CHAIN && chains.names.has(target) && (chains.targets.get(target) ?? []).every((next) => isIdle(chains, next, seen));
}
