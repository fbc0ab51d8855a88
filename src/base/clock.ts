/** Time as a value that can be handed in, so that what depends on it can be tested. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Nanoseconds since the epoch. */
  nowNs(): bigint;
}

const originNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();

export const systemClock: Clock = {
  now: () => Date.now(),
  // Never goes back, and orders events that fall in one millisecond.
  nowNs: () => originNs + process.hrtime.bigint(),
};

/** RFC 3339 with nanoseconds, as Docker prints times: 2024-05-01T10:00:00.123456789Z. */
export function formatTimeNs(timeNs: bigint): string {
  const ms = Number(timeNs / 1_000_000n);
  const fraction = (timeNs % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  const seconds = new Date(ms).toISOString().slice(0, 19);
  return fraction === '' ? `${seconds}Z` : `${seconds}.${fraction}Z`;
}

/** What Docker prints for a time that has not come. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';
