/** Time as a value that can be handed in, so that what depends on it can be tested. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Nanoseconds since the epoch. */
  nowNs(): bigint;
}

/**
 * Milliseconds that pass evenly whatever is done to the host's clock: for durations and deadlines, never to be shown or
 * stored.
 */
export const monotonicMs = (): number => performance.now();

/** Further apart, the host's clock has been set, or the host has slept. */
const STEP_NS = 50_000_000n;

/**
 * The host's time in nanoseconds. Between two steps of the host's clock it never goes back, and orders what falls in
 * one millisecond; a step it follows, as what is shown must agree with what `date` says (a host without a clock of its
 * own begins in 1970 and learns the time when the daemon runs).
 */
export function steppingClock(wallMs: () => number, monotonicNs: () => bigint): Clock {
  let originNs = BigInt(wallMs()) * 1_000_000n - monotonicNs();
  return {
    now: wallMs,
    nowNs() {
      const aheadNs = BigInt(wallMs()) * 1_000_000n - originNs - monotonicNs();
      if (aheadNs > STEP_NS || aheadNs < -STEP_NS) originNs += aheadNs;
      return originNs + monotonicNs();
    },
  };
}

export const systemClock: Clock = steppingClock(
  () => Date.now(),
  () => process.hrtime.bigint(),
);

/** RFC 3339 with nanoseconds, as Docker prints times: 2024-05-01T10:00:00.123456789Z. */
export function formatTimeNs(timeNs: bigint): string {
  const ms = Number(timeNs / 1_000_000n);
  const fraction = (timeNs % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  const seconds = new Date(ms).toISOString().slice(0, 19);
  return fraction === '' ? `${seconds}Z` : `${seconds}.${fraction}Z`;
}

/** What Docker prints for a time that has not come. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';
