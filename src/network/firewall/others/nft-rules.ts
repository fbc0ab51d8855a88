/** Rules as libnftables lists them, to be evaluated. */
import {
  matchesAddress,
  matchesAddressRange,
  matchesInterface,
  meets,
  type FilterRule,
  type Known,
  type ProbePacket,
  type Verdict,
} from './filter-model.ts';
import type { Expression } from './nft-listing.ts';

/** The elements of a named set or map; undefined where they are not known. */
export type SetReader = (name: string) => readonly unknown[] | undefined;

interface Match {
  readonly op?: string;
  readonly left?: unknown;
  readonly right?: unknown;
}

export function nftRule(expressions: readonly Expression[], sets: SetReader): FilterRule {
  return {
    text: textOf(expressions),
    verdict: (packet) => {
      for (const one of expressions) {
        if ('match' in one && !matches(one['match'] as Match, packet, sets)) return undefined;
        const extension = one['xt'] as { type?: string; name?: string } | undefined;
        if (extension?.type === 'match' && extension.name !== 'comment') return undefined; // nft does not show what it asks
        if ('limit' in one) return undefined; // what applies to some packets in a second does not apply to all
        const found =
          'vmap' in one ? lookUp(one['vmap'] as { key?: unknown; data?: unknown }, packet, sets) : verdictOf(one);
        if (found) return found;
      }
      return undefined;
    },
  };
}

/** The chains that a rule can jump to. */
export function targetsOf(expressions: readonly Expression[], sets: SetReader): string[] {
  return expressions.flatMap((one) => {
    const pairs = 'vmap' in one ? pairsOf((one['vmap'] as { data?: unknown }).data, sets) : [];
    const verdicts = [one, ...pairs.flatMap((pair) => (Array.isArray(pair) ? [pair[1] as Expression] : []))].map(
      verdictOf,
    );
    return verdicts.flatMap((verdict) => (verdict && 'target' in verdict ? [verdict.target] : []));
  });
}

/** Which ends the chain, and the asking of others of its type. */
function translates(expression: Expression): boolean {
  const target = (expression['xt'] as { type?: string; name?: string } | undefined)?.name ?? '';
  return TRANSLATIONS.some((kind) => kind in expression || kind.toUpperCase() === target);
}
const TRANSLATIONS = ['dnat', 'snat', 'masquerade', 'redirect', 'netmap'] as const;

function verdictOf(expression: Expression): Verdict | undefined {
  if ('accept' in expression || translates(expression)) return { kind: 'accept' };
  if ('return' in expression) return { kind: 'return' };
  if (
    'drop' in expression ||
    'reject' in expression ||
    (expression['xt'] as { name?: string } | undefined)?.name === 'REJECT'
  )
    return { kind: 'drop' };
  for (const kind of ['jump', 'goto'] as const) {
    const target = (expression[kind] as { target?: unknown } | undefined)?.target;
    if (typeof target === 'string') return { kind, target };
  }
  return undefined;
}

function matches({ op, left, right }: Match, packet: ProbePacket, sets: SetReader): boolean {
  if (!applies(left, packet)) return false;
  return meets(contains(right, left, packet, sets), op === '!=');
}

/** A field of the other family's header: the rule is not for this packet, whatever it asks. */
function applies(left: unknown, { family }: ProbePacket): boolean {
  const protocol = (left as { payload?: { protocol?: string } } | undefined)?.payload?.protocol;
  return !((protocol === 'ip' || protocol === 'ip6') && protocol !== family);
}

/** Whether what `left` names of the packet is (in) `right`. */
function contains(right: unknown, left: unknown, packet: ProbePacket, sets: SetReader): Known {
  if (typeof right === 'string' && right.startsWith('@')) return containsAny(sets(right.slice(1)), left, packet, sets);
  if (Array.isArray(right)) return containsAny(right, left, packet, sets);
  const set = (right as { set?: unknown } | null)?.set;
  if (set !== undefined) return containsAny(Array.isArray(set) ? set : [set], left, packet, sets);
  const elem = (right as { elem?: { val?: unknown } } | null)?.elem;
  if (elem) return contains(elem.val, left, packet, sets);
  const parts = (left as { concat?: readonly unknown[] } | null)?.concat;
  if (parts)
    return all(
      parts.map((part, at) =>
        contains((right as { concat?: readonly unknown[] } | null)?.concat?.[at], part, packet, sets),
      ),
    );
  return isValue(right, left, packet);
}

function containsAny(
  members: readonly unknown[] | undefined,
  left: unknown,
  packet: ProbePacket,
  sets: SetReader,
): Known {
  if (!members) return undefined;
  const known = members.map((member) => contains(member, left, packet, sets));
  return known.includes(true) ? true : known.includes(undefined) ? undefined : false;
}

const all = (known: readonly Known[]): Known =>
  known.includes(false) ? false : known.includes(undefined) ? undefined : true;

function isValue(right: unknown, left: unknown, packet: ProbePacket): Known {
  const {
    meta,
    ct,
    payload,
    '&': masked,
  } = (left ?? {}) as {
    meta?: { key?: string };
    ct?: { key?: string };
    payload?: { field?: string };
    '&'?: readonly [{ meta?: { key?: string } }, number];
  };
  if (masked) return masked[0]?.meta?.key === 'mark' ? (packet.mark & masked[1]) === right : undefined;
  if (ct?.key === 'state') return right === 'new';
  if (ct?.key === 'status') return right === 'dnat' ? packet.translated : undefined;
  switch (meta?.key) {
    case 'iifname':
    case 'iif':
      return matchesInterface(String(right), packet.iifname);
    case 'oifname':
    case 'oif':
      return matchesInterface(String(right), packet.oifname);
    case 'mark':
      return packet.mark === right;
    case 'nfproto':
      return right === (packet.family === 'ip' ? 'ipv4' : 'ipv6');
    case 'protocol':
      return right === packet.family;
    case 'l4proto':
      return isProtocol(right, packet);
    default:
  }
  if (payload?.field === 'protocol' || payload?.field === 'nexthdr') return isProtocol(right, packet);
  if (payload?.field !== 'saddr' && payload?.field !== 'daddr') return undefined;
  const address = payload.field === 'saddr' ? packet.saddr : packet.daddr;
  const { range } = (right ?? {}) as { range?: readonly [string, string] };
  if (range) return matchesAddressRange(range, address);
  const prefix = (right as { prefix?: { addr?: string; len?: number } } | null)?.prefix;
  return prefix
    ? matchesAddress(`${prefix.addr}/${prefix.len}`, address)
    : typeof right === 'string'
      ? matchesAddress(right, address)
      : undefined;
}

const isProtocol = (right: unknown, { protocol }: ProbePacket): boolean =>
  protocol === 'udp' ? right === 'udp' || right === 17 : right === 'tcp' || right === 6;

const pairsOf = (data: unknown, sets: SetReader): readonly unknown[] =>
  (typeof data === 'string' ? sets(data.slice(1)) : (data as { set?: readonly unknown[] } | undefined)?.set) ?? [];

/** A verdict map: elements are pairs of a key and a verdict. */
function lookUp(
  { key, data }: { key?: unknown; data?: unknown },
  packet: ProbePacket,
  sets: SetReader,
): Verdict | undefined {
  for (const pair of pairsOf(data, sets)) {
    if (Array.isArray(pair) && contains(pair[0], key, packet, sets) === true) return verdictOf(pair[1] as Expression);
  }
  return undefined;
}

/** As a user knows it: what it asks of interfaces, and what it does. */
function textOf(expressions: readonly Expression[]): string {
  const words: string[] = [];
  for (const one of expressions) {
    const { op, left, right } = (one['match'] ?? {}) as Match;
    const key = (left as { meta?: { key?: string } } | undefined)?.meta?.key;
    if ((key === 'iifname' || key === 'oifname') && typeof right === 'string')
      words.push(`${key} ${op === '!=' ? '!= ' : ''}"${right}"`);
    if ('drop' in one) words.push('drop');
    if ('reject' in one || (one['xt'] as { name?: string } | undefined)?.name === 'REJECT') words.push('reject');
  }
  return words.join(' ');
}
