/** The address pools that networks without a subnet of their own are cut from: Docker's, in Docker's order. */
import { createHash } from 'node:crypto';
import { invalid } from '../../base/errors.ts';
import { bigintToIp, ipToBigint, parseSubnet, type Subnet } from '../../model/addresses.ts';

/** `base` is cut into subnets of prefix length `size`. */
export interface SubnetSource {
  readonly base: string;
  readonly size: number;
}

export const DOCKER_POOLS_V4: readonly SubnetSource[] = [
  { base: '172.17.0.0/16', size: 16 },
  { base: '172.18.0.0/16', size: 16 },
  { base: '172.19.0.0/16', size: 16 },
  { base: '172.20.0.0/14', size: 16 },
  { base: '172.24.0.0/14', size: 16 },
  { base: '172.28.0.0/14', size: 16 },
  { base: '192.168.0.0/16', size: 20 },
];

/** A /48 of the unique local range that stays the same for one host and differs between hosts (RFC 4193, 3.2.2). */
export function uniqueLocalPool(hostId: string): SubnetSource {
  const globalId = createHash('sha256').update(hostId).digest().readBigUInt64BE(0) & ((1n << 40n) - 1n);
  return { base: `${bigintToIp(ipToBigint('fd00::') + (globalId << 80n), 6)}/48`, size: 64 };
}

/** What the host uses: subnets that it is in and servers that it asks, and subnets that it has a route to. */
export interface HostSubnets {
  readonly own: readonly Subnet[];
  readonly routed: readonly Subnet[];
}

export interface ParsedSource {
  readonly base: Subnet;
  readonly size: number;
}

/**
 * Checks and sorts the sources of one IP version by address; a source inside an earlier one is dropped, as in Docker.
 */
export function parseSources(sources: readonly SubnetSource[], version: 4 | 6): ParsedSource[] {
  const parsed: ParsedSource[] = [];
  for (const { base: text, size } of sources) {
    const base = parseSubnet(text);
    if (!base) throw invalid(`invalid default address pool: ${text} is not a subnet`);
    const bits = base.version === 4 ? 32 : 128;
    if (!Number.isInteger(size) || size < base.prefix || size > bits) {
      throw invalid(
        `invalid default address pool ${text}: size must be a prefix length from ${base.prefix} to ${bits}`,
      );
    }
    if (base.version === version) parsed.push({ base, size });
  }
  parsed.sort((a, b) =>
    a.base.first === b.base.first ? a.base.prefix - b.base.prefix : a.base.first < b.base.first ? -1 : 1,
  );
  const kept: ParsedSource[] = [];
  for (const source of parsed) {
    const previous = kept.at(-1);
    if (!previous || source.base.first > previous.base.last) kept.push(source);
  }
  return kept;
}

/**
 * The first subnet of the sources that overlaps nothing in `taken`, or undefined. `size` asks for another prefix
 * length than the sources' own; sources smaller than that are skipped.
 */
export function chooseSubnet(
  sources: readonly ParsedSource[],
  taken: readonly Subnet[],
  size?: number,
): Subnet | undefined {
  const sorted = taken.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  for (const source of sources) {
    const { base } = source;
    const prefix = size ?? source.size;
    if (prefix < base.prefix) continue;
    const step = 1n << BigInt((base.version === 4 ? 32 : 128) - prefix);
    let first = base.first;
    for (const { version, first: takenFirst, last: takenLast } of sorted) {
      if (version !== base.version || takenLast < first) continue;
      if (takenFirst > first + step - 1n) break; // and all that follow: they are sorted
      first = (takenLast / step + 1n) * step; // the next aligned one behind it
    }
    if (first + step - 1n <= base.last) return { version: base.version, first, last: first + step - 1n, prefix };
  }
  return undefined;
}
