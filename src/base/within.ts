import { afterMs, type LongTimer } from './long-timer.ts';

/**
 * Whether the promise settles in time; a late one goes on by itself, and its failure is ignored. Infinity: waits for
 * good.
 */
export async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  if (ms === Infinity) return promise.then(() => true);
  let timer: LongTimer | undefined;
  const late = new Promise<boolean>((resolve) => (timer = afterMs(ms, () => resolve(false))));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    timer?.clear();
  }
}
