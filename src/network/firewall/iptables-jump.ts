/**
 * Our jump in iptables' FORWARD chain: what carries our mark (way-begin) has been judged by our own table and is accepted, but for rules of the user in
 * DOCKER-USER. One rule and one chain, however many networks there are. Pure: what there is, and what iptables-restore is to do about it.
 */
import { targetOf, type IptablesListing } from './iptables-listing.ts';
import { WAY_MARK } from './ruleset.ts';

export const JUMP_CHAIN = 'CAUSEWAY-FORWARD';
const USER_CHAIN = 'DOCKER-USER';

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

/** What makes way, as input of `iptables-restore --noflush`; undefined where there is nothing to do. */
export function planJump(state: ForwardState): string | undefined {
  const jumpAt = state.targets.indexOf(JUMP_CHAIN);
  if (!stops(state) && jumpAt < 0) return undefined;
  const userAt = state.targets.indexOf(USER_CHAIN);
  // Rules of the user come first. Where Docker leads to them already, they are not met twice.
  const place = userAt + 1;
  const ahead = userAt >= 0 && (jumpAt < 0 || userAt < jumpAt);
  const wanted = state.hasUserChain && !ahead ? [USER_CHAIN, 'ACCEPT'] : ['ACCEPT'];
  const lines: string[] = [];
  if (wanted.join() !== state.own?.join()) lines.push(`:${JUMP_CHAIN} - [0:0]`, ...wanted.map((target) => `-A ${JUMP_CHAIN} -j ${target}`));
  if (jumpAt < 0) lines.push(`-I FORWARD ${place + 1} ${JUMP}`);
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

/** A chain without rules of others lets all pass. */
function stops({ policy, targets }: ForwardState): boolean {
  return policy === 'drop' || targets.some((target) => target !== JUMP_CHAIN);
}

const script = (lines: readonly string[]): string => `*filter\n${lines.join('\n')}\nCOMMIT\n`;
