/**
 * Whole numbers in the ranges of Go's types. Clients read what the API shows with such types: a number beyond them is
 * one that `inspect` would choke on, for good. Bounds of 64 bits have no exact number here. What is written as the
 * bound counts as the nearest number inside, and is shown as that.
 */
export type GoInteger = 'int64' | 'int' | 'time.Duration' | 'uint16' | 'uint32' | 'uint64' | 'uint' | 'fs.FileMode';

const SIGNED_END = 2 ** 63;
const UNSIGNED_END = 2 ** 64;
const MAX_SIGNED = SIGNED_END - 1024;
const MAX_UNSIGNED = UNSIGNED_END - 2048;
const SIGNED = { below: -SIGNED_END, above: SIGNED_END, min: -MAX_SIGNED, max: MAX_SIGNED };
const UNSIGNED = { below: 0, above: UNSIGNED_END, min: 0, max: MAX_UNSIGNED };
const small = (bits: number) => ({ below: 0, above: 2 ** bits - 1, min: 0, max: 2 ** bits - 1 });

const RANGES = {
  int64: SIGNED,
  int: SIGNED,
  'time.Duration': SIGNED,
  uint16: small(16),
  uint32: small(32),
  uint64: UNSIGNED,
  uint: UNSIGNED,
  'fs.FileMode': small(32),
} as const;

export const isGoInteger = (name: string): name is GoInteger => Object.hasOwn(RANGES, name);

/** Undefined: not a whole number of that type. */
export function readGoInteger(value: unknown, type: GoInteger): number | undefined {
  const { below, above, min, max } = RANGES[type];
  if (!Number.isInteger(value) || (value as number) < below || (value as number) > above) return undefined;
  return Math.min(Math.max(value as number, min), max);
}

/** As Go's complaint shows it: 9223372036854775808, 1e30. */
export function formatNumber(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? String(BigInt(value)) : String(value).replace('e+', 'e');
}
