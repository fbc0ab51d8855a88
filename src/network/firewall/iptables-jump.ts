/**
 * Our jump in iptables' FORWARD chain: what carries our mark (way-begin) has been judged by our own table and is accepted, but for rules of the user in
 * DOCKER-USER (where it stands: forward-place.ts). One rule and one chain, however many networks there are. Pure: what there is, and what iptables-restore is to do about it.
 */
import { JUMP_CHAIN, USER_CHAIN, type Place } from './forward-place.ts';
import { targetOf, type IptablesListing } from './iptables-listing.ts';
import { WAY_MARK } from './ruleset.ts';

export interface ForwardState {
  readonly policy: 'accept' | 'drop';
  /** Where the rules of FORWARD lead, in order; '' where a rule has no target. */
  readonly targets: readonly string[];
  readonly hasUserChain: boolean;
  /** Where the rules of our chain lead; undefined where there is none. */
  readonly own: readonly string[] | undefined;
}

const MARK = `0x${WAY_MARK.toString(16)}/0x${WAY_MARK.toString(16)}`;
const JUMP = `-m mark --mark ${MARK} -j ${JUMP_CHAIN}`;

/**
 * What makes way, as input of `iptables-restore --noflush`; undefined where there is nothing to do. A jump that is there and not needed any more stays, as it is where
 * it stands in nobody's way: firewalls set their policies to ACCEPT while they reload.
 */
export function planJump(state: ForwardState, { first, last, stops }: Place): string | undefined {
  const jumps = state.targets.flatMap((target, at) => (target === JUMP_CHAIN ? [at] : []));
  if (!stops && jumps.length === 0) return undefined;
  const others = state.targets.filter((target) => target !== JUMP_CHAIN);
  const stays = jumps.length === 1 && jumps[0]! >= first && jumps[0]! <= last;
  const place = stays ? jumps[0]! : first;
  // Rules of the user come first. Where Docker leads to them already, they are not met twice.
  const userAt = others.indexOf(USER_CHAIN);
  const wanted = state.hasUserChain && (userAt < 0 || userAt >= place) ? [USER_CHAIN, 'ACCEPT'] : ['ACCEPT'];
  const lines: string[] = [];
  if (wanted.join() !== state.own?.join()) lines.push(`:${JUMP_CHAIN} - [0:0]`, ...wanted.map((target) => `-A ${JUMP_CHAIN} -j ${target}`));
  if (!stays) lines.push(...jumps.map(() => `-D FORWARD ${JUMP}`), `-I FORWARD ${place + 1} ${JUMP}`);
  return lines.length === 0 ? undefined : script(lines);
}

/** What takes all of it away; undefined where nothing is there. */
export function planRemoval(state: ForwardState): string | undefined {
  const jumps = state.targets.filter((target) => target === JUMP_CHAIN);
  const lines = [...jumps.map(() => `-D FORWARD ${JUMP}`), ...(state.own ? [`-F ${JUMP_CHAIN}`, `-X ${JUMP_CHAIN}`] : [])];
  return lines.length === 0 ? undefined : script(lines);
}

export function stateOfListing({ policies, chains, rules }: IptablesListing): ForwardState {
  const targets = (chain: string) => rules.filter((rule) => rule.chain === chain).map((rule) => targetOf(rule.tokens));
  return {
    policy: policies.get('FORWARD') === 'DROP' ? 'drop' : 'accept',
    targets: targets('FORWARD'),
    hasUserChain: chains.has(USER_CHAIN),
    own: chains.has(JUMP_CHAIN) ? targets(JUMP_CHAIN) : undefined,
  };
}

const script = (lines: readonly string[]): string => `*filter\n${lines.join('\n')}\nCOMMIT\n`;
