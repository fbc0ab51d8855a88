/**
 * The container's lock for what ends it: stop, kill, rm -f. An operation that holds the lock because a program under us hangs, or because a client
 * neither reads nor leaves, gets a moment; then it is ended with an error, and so is each that follows before our turn comes.
 */
import type { EngineContext } from '../engine-context.ts';
import type { Held } from './held.ts';

const AGAIN_MS = 100;

export async function lockToEnd<T>(context: EngineContext, id: string, work: (held: Held | undefined) => Promise<T>): Promise<T> {
  const why = 'before somebody who ends the container lost patience';
  let timer = setTimeout(function hurry() {
    context.runtime.interrupt(id, why);
    context.copies.interrupt(id);
    timer = setTimeout(hurry, AGAIN_MS);
  }, context.config.patience.graceMs);
  try {
    return await context.containers.lockedEvenIfGone(id, (held) => {
      clearTimeout(timer);
      return work(held);
    });
  } finally {
    clearTimeout(timer);
  }
}
