/**
 * The engine's jumps in iptables' FORWARD chain. What carries the engine's mark (way-begin) has been judged by the
 * engine's own table and is accepted right before what would drop it (forward-place.ts), except for rules of the user
 * in DOCKER-USER, which that meets before anything decides about it. Two rules and one chain at most, however many
 * networks there are. Pure: what there is, and what iptables-restore is to do about it.
 */
import { forwardTarget, JUMP_CHAIN, MARK, USER_CHAIN, USER_JUMP, type Place } from '../others/forward-place.ts';
import { targetOf, type IptablesListing } from '../others/iptables-listing.ts';

export interface ForwardState {
  readonly policy: 'accept' | 'drop';
  /** The targets of the rules of FORWARD, in order; '' where a rule has no target. */
  readonly targets: readonly string[];
  readonly hasUserChain: boolean;
  /** The targets of the rules of the engine's chain; undefined where there is none. */
  readonly own: readonly string[] | undefined;
}

const TO_OURS = `-m mark --mark ${MARK} -j ${JUMP_CHAIN}`;
const TO_USER = `-m mark --mark ${MARK} -j ${USER_CHAIN}`;

/**
 * What makes way, as input of `iptables-restore --noflush`; undefined where there is nothing to do. A jump that is no
 * longer needed stays, as it does no harm there: firewalls set their policies to ACCEPT while they reload.
 */
export function planJump(state: ForwardState, place: Place): string | undefined {
  const jumps = placesOf(state, JUMP_CHAIN);
  const userJumps = placesOf(state, USER_JUMP);
  const others = (before: number) => state.targets.slice(0, before).filter((target) => !OURS.includes(target)).length;
  const has = place.stops || jumps.length > 0;
  const stays = jumps.length === 1 && others(jumps[0]!) >= place.first && others(jumps[0]!) <= place.last;
  // Where others jump to the user's rules already, packets do not pass them twice.
  const asks = state.hasUserChain && !place.asksUser;
  const userStays =
    asks &&
    userJumps.length === 1 &&
    others(userJumps[0]!) <= Math.min(place.decides, place.first) &&
    userJumps[0]! <= (jumps[0] ?? Infinity);
  const lines: string[] = [];
  if (has && state.own?.join() !== 'ACCEPT') lines.push(`:${JUMP_CHAIN} - [0:0]`, `-A ${JUMP_CHAIN} -j ACCEPT`);
  if (!userStays) lines.push(...userJumps.map(() => `-D FORWARD ${TO_USER}`));
  if (has && !stays) lines.push(...jumps.map(() => `-D FORWARD ${TO_OURS}`));
  if (asks && !userStays) lines.push(`-I FORWARD 1 ${TO_USER}`);
  if (has && !stays) lines.push(`-I FORWARD ${place.first + (asks ? 2 : 1)} ${TO_OURS}`);
  return lines.length === 0 ? undefined : script(lines);
}

const OURS: readonly string[] = [JUMP_CHAIN, USER_JUMP];
const placesOf = ({ targets }: ForwardState, target: string): number[] =>
  targets.flatMap((one, at) => (one === target ? [at] : []));

/** What takes all of it away; undefined where nothing is there. */
export function planRemoval(state: ForwardState): string | undefined {
  const lines = [
    ...placesOf(state, JUMP_CHAIN).map(() => `-D FORWARD ${TO_OURS}`),
    ...placesOf(state, USER_JUMP).map(() => `-D FORWARD ${TO_USER}`),
    ...(state.own ? [`-F ${JUMP_CHAIN}`, `-X ${JUMP_CHAIN}`] : []),
  ];
  return lines.length === 0 ? undefined : script(lines);
}

export function stateOfListing({ policies, chains, rules }: IptablesListing): ForwardState {
  const targets = (chain: string, of: (tokens: readonly string[]) => string) =>
    rules.filter((rule) => rule.chain === chain).map((rule) => of(rule.tokens));
  return {
    policy: policies.get('FORWARD') === 'DROP' ? 'drop' : 'accept',
    targets: targets('FORWARD', forwardTarget),
    hasUserChain: chains.has(USER_CHAIN),
    own: chains.has(JUMP_CHAIN) ? targets(JUMP_CHAIN, targetOf) : undefined,
  };
}

const script = (lines: readonly string[]): string => `*filter\n${lines.join('\n')}\nCOMMIT\n`;
