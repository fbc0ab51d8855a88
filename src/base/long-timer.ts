/**
 * Timers for delays that a user chose. Node counts milliseconds in 31 bits and turns what is longer (24.8 days) into
 * one millisecond, so a patience without end becomes none.
 */
const MAX_MS = 2 ** 31 - 1;

export interface LongTimer {
  clear(): void;
  unref(): LongTimer;
}

/** As setTimeout, for delays of any length; Infinity never comes. Not a number, or below 0: at once. */
export function afterMs(delayMs: number, run: () => void): LongTimer {
  const dueMs = performance.now() + (delayMs > 0 ? delayMs : 0);
  let keeps = true;
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    const leftMs = dueMs - performance.now();
    timer = setTimeout(leftMs > MAX_MS ? wait : run, Math.min(leftMs, MAX_MS));
    if (!keeps) timer.unref();
  };
  wait();
  const handle: LongTimer = {
    clear: () => clearTimeout(timer),
    unref: () => {
      keeps = false;
      timer.unref();
      return handle;
    },
  };
  return handle;
}
