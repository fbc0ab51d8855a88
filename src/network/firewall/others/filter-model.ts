/**
 * Filters of others as they are evaluated here: chains of rules, and what becomes of a packet in them. What cannot be
 * known of a packet (a port, an address elsewhere, a counter) is taken to be nothing special: a rule for something
 * special does not meet it, one for all but something special does.
 */
import { LongWork } from '../../../base/long-work.ts';
import { ipToBigint, ipVersion, parseSubnet, subnetContains } from '../../../model/addresses.ts';

export interface ProbePacket {
  readonly family: 'ip' | 'ip6';
  /** Default: TCP. */
  readonly protocol?: 'udp';
  readonly iifname: string;
  readonly oifname: string;
  /** '' where it is not known. */
  readonly saddr: string;
  readonly daddr: string;
  /** By a published port: connection tracking knows it as translated. It is the first of its flow. */
  readonly translated: boolean;
  /** The engine's table gives it another source after routing. */
  readonly masqueraded?: boolean;
  readonly mark: number;
  /** A frame from one container to its neighbour. */
  readonly bridged?: boolean;
}

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly target: string };

export interface FilterRule {
  /** Undefined where it does not meet the packet, or only looks at it. */
  readonly verdict: (packet: ProbePacket) => Verdict | undefined;
  readonly text: string;
}

export type Hook = 'prerouting' | 'forward' | 'postrouting';

/** One chain at a hook that forwarded packets meet, with what it can jump to. */
export interface Filter {
  readonly family: 'ip' | 'ip6' | 'inet' | 'bridge'; // bridge: frames between containers of one network
  readonly hook: Hook;
  readonly table: string;
  /** What wrote it: nft, or iptables of one kind. */
  readonly writer: 'nft' | 'iptables' | 'iptables-legacy';
  readonly base: string;
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
  /** A chain of type nat: the first packet of a flow meets those, by their priorities, until one has translated it. */
  readonly isNat?: boolean;
  readonly chains: ReadonlyMap<string, readonly FilterRule[]>;
}

export interface Stop {
  readonly filter: Filter;
  readonly chain: string;
  readonly by: string;
}

const MAX_DEPTH = 32; // of a ruleset whose jumps form a loop

/** What evaluating may cost in all: rules looked at, and turns of the event loop. */
export class Effort {
  readonly work = new LongWork();
  #stepsLeft: number;

  constructor(maxSteps: number) {
    this.#stepsLeft = maxSteps;
  }

  get spent(): boolean {
    return this.#stepsLeft <= 0;
  }

  step(): void {
    this.#stepsLeft--;
  }
}

/**
 * What drops the packet in the filter; undefined where it passes, and where the effort was spent before it was known.
 */
export async function stopOf(filter: Filter, packet: ProbePacket, effort: Effort): Promise<Stop | undefined> {
  if (packet.bridged ? filter.family !== 'bridge' : filter.family !== 'inet' && filter.family !== packet.family)
    return undefined;
  if (isTranslatedBefore(filter, packet)) return undefined;
  const seen = seenBy(filter, packet);
  const walk = async (chain: string, depth: number): Promise<Stop | 'accept' | undefined> => {
    for (const rule of filter.chains.get(chain) ?? []) {
      if (effort.spent || depth > MAX_DEPTH) return 'accept';
      effort.step();
      if (effort.work.isDue) await effort.work.pause();
      const verdict = rule.verdict(seen);
      switch (verdict?.kind) {
        case 'accept':
          return 'accept';
        case 'drop':
          return { filter, chain, by: rule.text };
        case 'return':
          return undefined;
        case 'jump': {
          const end = await walk(verdict.target, depth + 1);
          if (end !== undefined) return end;
          break;
        }
        case 'goto':
          return walk(verdict.target, depth + 1);
        default:
      }
    }
    return undefined;
  };
  const end = await walk(filter.base, 0);
  if (end === 'accept') return undefined;
  return end ?? (filter.policy === 'drop' ? { filter, chain: filter.base, by: 'policy drop' } : undefined);
}

const [DSTNAT, SRCNAT] = [-100, 100];

/**
 * By the engine's table. At equal priority, the table that was written last comes first, which cannot be seen: then it
 * is taken to be met.
 */
function isTranslatedBefore({ isNat, hook, priority }: Filter, packet: ProbePacket): boolean {
  if (!isNat) return false;
  return hook === 'prerouting'
    ? packet.translated && priority > DSTNAT
    : packet.masqueraded === true && priority > SRCNAT;
}

/**
 * What a chain knows of a packet that is forwarded: before routing neither its output interface nor its DNAT target,
 * after routing no longer its mark.
 */
function seenBy({ hook, priority, isNat = false }: Filter, packet: ProbePacket): ProbePacket {
  if (hook === 'forward') return packet;
  if (hook === 'postrouting') return { ...packet, mark: 0, saddr: priority >= SRCNAT && !isNat ? '' : packet.saddr };
  const isLed = priority > DSTNAT && !isNat;
  return {
    ...packet,
    mark: 0,
    oifname: '',
    daddr: packet.translated && !isLed ? '' : packet.daddr,
    translated: packet.translated && isLed,
  };
}

/** What of a match is known: yes, no, or not at all. */
export type Known = boolean | undefined;

/** A match as a whole: `negated` matches everything except something. */
export const meets = (known: Known, negated: boolean): boolean => (known === undefined ? negated : known !== negated);

/** 'br-*' or, as iptables writes it, 'br-+'. */
export function matchesInterface(pattern: string, name: string): Known {
  const prefix = /[*+]$/.test(pattern) ? pattern.slice(0, -1) : undefined;
  if (name === '') return prefix === '' ? true : undefined;
  return prefix === undefined ? pattern === name : name.startsWith(prefix);
}

/** '10.0.0.0/8' or '10.1.2.3' */
export function matchesAddress(pattern: string, address: string): Known {
  const subnet = parseSubnet(pattern.includes('/') ? pattern : `${pattern}/${pattern.includes(':') ? 128 : 32}`);
  if (!subnet) return undefined;
  if (address === '') return subnet.prefix === 0 ? true : undefined;
  return subnetContains(subnet, address);
}

/** '10.0.0.5' to '10.0.0.9' */
export function matchesAddressRange([first, last]: readonly [string, string], address: string): Known {
  if (address === '') return undefined;
  const version = ipVersion(address);
  return ipVersion(first) === version && ipVersion(last) === version
    ? ipToBigint(first) <= ipToBigint(address) && ipToBigint(address) <= ipToBigint(last)
    : undefined;
}
