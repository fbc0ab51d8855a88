/** What goes of the cache by itself: the rules that there are unless others are given, and how much may stay by each. */
import type { BuildCacheBounds, BuildCacheRecord, BuildCacheRule } from '../model/build-cache.ts';

/** Of the file system that the cache is on. */
export interface DiskBytes {
  readonly total: number;
  readonly free: number;
}

const GB = 1000 ** 3;
const HOUR_MS = 3_600_000;
/** What is made again most easily has so much room before it goes after two days. */
const MIN_EASY_BYTES = 512 * 1000 ** 2;
const EASY_PART = (Math.E * Math.PI * 1.618033988749895) / 100;

const isEasy = ({ kind }: BuildCacheRecord): boolean => kind !== 'regular';

/** As BuildKit in dockerd 28. */
export function rulesOf({ isEnabled, rules, defaults }: BuildCacheBounds, disk: DiskBytes): readonly BuildCacheRule[] {
  if (!isEnabled) return [];
  if (rules) return rules;
  const isGiven = Object.values(defaults).some((bytes) => bytes !== 0);
  const bounds = isGiven
    ? defaults
    : { reservedBytes: share(disk, 0.1), maxUsedBytes: share(disk, 0.8), minFreeBytes: share(disk, 0.2) };
  const any = { all: false, unusedForMs: 0, accept: () => true, ...bounds };
  const easyBytes = Math.max(Math.round(bounds.reservedBytes * EASY_PART), MIN_EASY_BYTES);
  return [
    { ...any, accept: isEasy, unusedForMs: 48 * HOUR_MS, reservedBytes: 0, maxUsedBytes: easyBytes, minFreeBytes: 0 },
    { ...any, unusedForMs: 60 * 24 * HOUR_MS },
    any,
    { ...any, all: true },
  ];
}

const share = ({ total }: DiskBytes, part: number): number => (Math.floor((total * part) / 1024 ** 3) + 1) * GB;

/** How much of `usedBytes` may stay by a rule; 0 = nothing of what it means. */
export function keptBytes(rule: BuildCacheRule, usedBytes: number, disk: DiskBytes): number {
  const { reservedBytes, maxUsedBytes, minFreeBytes } = rule;
  const missing = minFreeBytes - disk.free;
  const bounds = [
    ...(maxUsedBytes > 0 ? [maxUsedBytes] : []),
    // Where only room is asked for, and there is enough, everything stays.
    ...(missing > 0 ? [usedBytes - missing] : minFreeBytes > 0 && maxUsedBytes === 0 ? [usedBytes] : []),
  ];
  return Math.max(bounds.length > 0 ? Math.min(...bounds) : 0, reservedBytes, 0);
}
