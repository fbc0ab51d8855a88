/**
 * When what could not be done is tried again: soon, since most of what can be wrong passes, and later, since some of it
 * takes its time.
 */
export const AGAIN_AFTER_MS: readonly number[] = [1000, 10_000, 60_000];

/**
 * Retries in the background what failed and has no waiter any more. `gaveUp` gets the last failure. Keeps no process
 * alive.
 */
export function tryAgainLater(
  work: () => void | Promise<void>,
  gaveUp: (error: unknown) => void,
  afterMs = AGAIN_AFTER_MS,
): void {
  const [nextMs, ...later] = afterMs;
  const attempt = async (): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (later.length === 0) gaveUp(error);
      else tryAgainLater(work, gaveUp, later);
    }
  };
  setTimeout(() => void attempt(), nextMs).unref();
}

/** Does it now, and what fails again later; never rejects. `gaveUp` gets the last failure. */
export async function nowOrLater(work: () => Promise<void>, gaveUp: (error: unknown) => void): Promise<void> {
  try {
    await work();
  } catch {
    tryAgainLater(work, gaveUp);
  }
}
