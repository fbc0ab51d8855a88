/** Makes and takes the way through iptables' FORWARD chains, of both kinds: nft-based and legacy. */
import { monotonicMs } from '../../../base/clock.ts';
import { systemError, throwCollected } from '../../../base/errors.ts';
import { LongWork } from '../../../base/long-work.ts';
import type { RuleSource } from '../../../kernel/nftables/ruleset-reader.ts';
import { isKernelError } from '../../../kernel/errors.ts';
import { JUMP_CHAIN, ordinaryPackets, placeOf, USER_CHAIN, USER_JUMP, type Place } from '../others/forward-place.ts';
import { CHANGE_MS, type Programs } from '../others/host-program.ts';
import { planJump, planRemoval, stateOfListing, type ForwardState } from './iptables-jump.ts';
import { parseListing, parseLongListing } from '../others/iptables-listing.ts';
import {
  hasLegacyTable,
  listing,
  programOf,
  runKind,
  type IptablesFamily,
  type IptablesKind,
} from '../others/iptables-program.ts';
import { isTableOfIptables } from '../others/iptables-table.ts';
import { asksMark, leadsTo, rulesIn, type ListedChain } from '../others/nft-listing.ts';

const PLACES: readonly (readonly [IptablesKind, IptablesFamily])[] = [
  ['nft', 'ip'],
  ['nft', 'ip6'],
  ['legacy', 'ip'],
  ['legacy', 'ip6'],
];

/** What packets of containers in general look like, and in whose rules they get their way. */
export interface Ordinary {
  readonly bridges: readonly string[];
  /** Asked only where rules of others are read: it costs a look at all routes of the host. */
  readonly uplinks: () => readonly string[];
  readonly families: readonly IptablesFamily[];
}

/** As it was read; `text` is what the older kind's program printed of it, `base` is the chain in nftables' tables. */
interface ListedState extends ForwardState {
  readonly text?: string;
  readonly base?: ListedChain;
}

const SETTLED_MS = 60_000;

/**
 * States of the older kind in which nothing was to be done: they are looked at every few seconds, the whole table once
 * a minute.
 */
export class SettledPlaces {
  readonly #untilMs = new Map<string, number>();

  has(state: string): boolean {
    return monotonicMs() < (this.#untilMs.get(state) ?? 0);
  }

  add(state: string): void {
    for (const [old, untilMs] of this.#untilMs) if (untilMs < monotonicMs()) this.#untilMs.delete(old);
    this.#untilMs.set(state, monotonicMs() + SETTLED_MS);
  }
}

/** In the namespace of this process. Returns what was done, in words. */
export async function makeIptablesWay(
  reader: RuleSource,
  programs: Programs,
  ordinary: Ordinary,
  settled: SettledPlaces,
): Promise<string[]> {
  const plan = async (state: ListedState, kind: IptablesKind, family: IptablesFamily): Promise<string | undefined> => {
    if (!ordinary.families.includes(family)) return planRemoval(state);
    const seen = state.text === undefined ? undefined : JSON.stringify([family, state.text, shownOf(state, ordinary)]);
    if (seen !== undefined && settled.has(seen)) return undefined;
    const place = await findPlace(programs, state, kind, family, ordinary);
    const script = place && planJump(state, place);
    if (seen !== undefined && script === undefined) settled.add(seen);
    if (script === undefined || !state.base) return script;
    // Asked last, when something would be written: it costs more than all before. Meanwhile others may have changed
    // what this is the answer to.
    if (!(await isTableOfIptables(reader, state.base))) return undefined;
    const now = await nftState(reader, family);
    return JSON.stringify(now) === JSON.stringify(state) ? script : now && plan(now, kind, family);
  };
  return change(reader, programs, plan, (name, script, family) => {
    if (!ordinary.families.includes(family)) return removed(name);
    return script.includes(JUMP_CHAIN)
      ? `rules of ${name} stopped forwarded packets: what is for containers passes them by ${JUMP_CHAIN}`
      : `rules of ${name} did not lead to ${USER_CHAIN}: what is for containers meets it now`;
  });
}

const removed = (name: string): string => `${JUMP_CHAIN} of ${name} is removed`;

export async function removeIptablesWay(reader: RuleSource, programs: Programs): Promise<string[]> {
  return change(reader, programs, async (state) => planRemoval(state), removed);
}

async function change(
  reader: RuleSource,
  programs: Programs,
  plan: (state: ListedState, kind: IptablesKind, family: IptablesFamily) => Promise<string | undefined>,
  words: (name: string, script: string, family: IptablesFamily) => string,
): Promise<string[]> {
  const done: string[] = [];
  const errors: unknown[] = [];
  for (const [kind, family] of PLACES) {
    try {
      const state = kind === 'nft' ? await nftState(reader, family) : await legacyState(programs, family);
      if (state?.own?.some((target) => target !== 'ACCEPT' && target !== USER_CHAIN))
        throw systemError(
          `the chain ${JUMP_CHAIN} of ${programOf(family)} has rules that are not the engine's: it is left alone`,
        );
      const script = state && (await plan(state, kind, family));
      if (script === undefined) continue;
      await restore(programs, kind, family, script);
      done.push(words(`${programOf(family)} (${kind === 'nft' ? 'nf_tables' : 'legacy'})`, script, family));
    } catch (error) {
      errors.push(error); // the other family is not to suffer from it
    }
  }
  throwCollected('iptables', errors);
  return done;
}

/**
 * The rules are listed by the program that made them: nft does not show all their conditions. Undefined where it
 * reports that the table is not its own.
 */
async function findPlace(
  programs: Programs,
  { policy, targets }: ForwardState,
  kind: IptablesKind,
  family: IptablesFamily,
  { bridges, uplinks }: Ordinary,
): Promise<Place | undefined> {
  const listed = meetsOthers(targets) ? await listing(programs, kind, family, 'filter', CHANGE_MS) : undefined;
  if (listed === 'incompatible') return undefined;
  if (listed === undefined || listed.cut)
    return { first: 0, last: 0, stops: policy === 'drop' || listed !== undefined, decides: 0, asksUser: false };
  const work = new LongWork();
  return placeOf(await parseLongListing(listed.text, work), ordinaryPackets(family, bridges, uplinks()), work);
}

/** Whether packets meet more there than what the engine leads them to. */
const meetsOthers = (targets: readonly string[]): boolean =>
  targets.some((target) => target !== JUMP_CHAIN && target !== USER_JUMP);

/** What the answer for a state follows from. */
const shownOf = ({ targets }: ForwardState, { bridges, uplinks, families }: Ordinary) =>
  meetsOthers(targets) ? { bridges, families, uplinks: uplinks() } : { families };

/** Read here and not by the program: it is needed at every change to the ruleset. */
async function nftState(reader: RuleSource, family: IptablesFamily): Promise<ListedState | undefined> {
  const listed = (await reader.list('list chains')).flatMap(
    (entry) => (entry['chain'] as ListedChain | undefined) ?? [],
  );
  const chains = listed.filter((chain) => chain.family === family && chain.table === 'filter');
  const forward = chains.find((chain) => chain.name === 'FORWARD' && chain.hook === 'forward');
  const named = new Set(chains.map((chain) => chain.name));
  // iptables makes FORWARD when a rule comes into it: a user may have made the user chain before.
  if (
    !forward &&
    !(
      named.has(USER_CHAIN) &&
      chains.every(({ name, hook }) => hook === undefined || name === 'INPUT' || name === 'OUTPUT')
    )
  )
    return undefined;
  return {
    ...(forward ? { base: forward } : {}),
    policy: forward?.policy === 'drop' ? 'drop' : 'accept',
    targets: forward ? await nftTargets(reader, family, 'FORWARD') : [],
    hasUserChain: named.has(USER_CHAIN),
    own: named.has(JUMP_CHAIN) ? await nftTargets(reader, family, JUMP_CHAIN) : undefined,
  };
}

async function nftTargets(reader: RuleSource, family: IptablesFamily, chain: string): Promise<string[]> {
  try {
    return rulesIn(await reader.list(`list chain ${family} filter ${chain}`)).map(({ expr = [] }) => {
      const target = leadsTo(expr);
      return chain === 'FORWARD' && target === USER_CHAIN && asksMark(expr) ? USER_JUMP : target;
    });
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return []; // gone meanwhile
    throw error;
  }
}

async function legacyState(programs: Programs, family: IptablesFamily): Promise<ListedState | undefined> {
  if (!hasLegacyTable(family, 'filter')) return undefined;
  // Only what counts: this is asked every few seconds, and others may have thousands of rules in chains of their own.
  const ask = async (...what: string[]) => {
    const listed = await runKind(programs, 'legacy', family, '', ['-w', '5', '-t', 'filter', '-S', ...what]);
    return listed?.code === 0 ? listed.stdout : undefined;
  };
  const forward = await ask('FORWARD');
  if (forward === undefined) return undefined;
  const own = await ask(JUMP_CHAIN);
  const user = await ask(USER_CHAIN, '1'); // whether it is there
  const text = `${forward}\n${own ?? ''}`;
  return { ...stateOfListing(parseListing(text)), hasUserChain: user !== undefined, text: `${text}\n${user}` };
}

async function restore(programs: Programs, kind: IptablesKind, family: IptablesFamily, script: string): Promise<void> {
  const done = await runKind(programs, kind, family, '-restore', ['-w', '5', '--noflush'], { input: script });
  if (!done) throw systemError(`${programOf(family)}-restore is not installed`);
  if (done.code !== 0) throw systemError(`${programOf(family)}-restore: ${done.stderr.trim().slice(0, 500)}`);
}
