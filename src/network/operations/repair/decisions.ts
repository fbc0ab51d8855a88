/** What is wrong with an endpoint or a network as the kernel has it, and what is to be done about it. Pure. */
import type { LinkInfo } from '../../../kernel/netlink/route-socket.ts';
import type { NetworkRecord } from '../../../model/network.ts';
import type { Step } from '../../plan/step.ts';
import { groupChange } from '../../plan/port-group.ts';

/** `what`: the end of a sentence about the container's interface. */
export type EndpointRepair =
  | { readonly kind: 'attach'; readonly what: string }
  | { readonly kind: 'join bridge'; readonly group: ReturnType<typeof groupChange>; readonly what: string };

/** `link`: the host's end; `bridgeIndex`: of the network's bridge as it is now. Undefined: it is as it should be. */
export function endpointRepair(
  link: Pick<LinkInfo, 'group' | 'masterIndex' | 'up'> | undefined,
  bridgeIndex: number | undefined,
  network: NetworkRecord,
): EndpointRepair | undefined {
  if (!link) return { kind: 'attach', what: 'was deleted and is made anew' };
  const group = groupChange(link.group, network);
  if (link.up && link.masterIndex === bridgeIndex && group.group === undefined) return undefined;
  return {
    kind: 'join bridge',
    group,
    what:
      group.group === undefined
        ? 'was taken off its bridge and is back'
        : 'was taken off its bridge or out of its group and is back',
  };
}

/**
 * What a network lacks on the host, as a sentence. `present`: the addresses of its bridge, with prefix; `making`: the
 * steps that made the network.
 */
export function lossOf(
  bridge: string,
  link: Pick<LinkInfo, 'up'> | undefined,
  present: () => readonly string[],
  making: () => readonly Step[],
): string | undefined {
  if (!link) return `bridge ${bridge} was deleted and is made anew`;
  if (!link.up) return `bridge ${bridge} was set down and is up again`;
  const there = new Set(present());
  const gone = making()
    .flatMap((step) =>
      step.kind === 'add-address' ? [step.address] : step.kind === 'adopt-bridge' ? step.addresses : [],
    )
    .filter((address) => !there.has(address));
  return gone.length > 0 ? `bridge ${bridge} lost ${gone.join(' and ')} and has it again` : undefined;
}

const MINUTE_MS = 60_000;
const MAX_REPAIRS_PER_MINUTE = 20; // of one object: one that is removed again and again is removed on purpose

/** How often an object may be repaired. `nowMs` of a clock that is never set back: that must not end the repairing. */
export class RepairLimit {
  static readonly perMinute = MAX_REPAIRS_PER_MINUTE;
  readonly #nowMs: () => number;
  readonly #recent = new Map<string, readonly number[]>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Counts it if it may be done now. */
  take(key: string): boolean {
    if (this.waitMs(key) > 0) return false;
    this.#recent.set(key, [...this.#lastMinute(key), this.#nowMs()]);
    return true;
  }

  /** Until it may be repaired again; 0: now. */
  waitMs(key: string): number {
    const recent = this.#lastMinute(key);
    return recent.length < MAX_REPAIRS_PER_MINUTE ? 0 : MINUTE_MS - (this.#nowMs() - recent[0]!);
  }

  #lastMinute(key: string): readonly number[] {
    const nowMs = this.#nowMs();
    return (this.#recent.get(key) ?? []).filter((time) => nowMs - time < MINUTE_MS);
  }
}
