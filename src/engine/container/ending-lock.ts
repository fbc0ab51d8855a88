/**
 * The container's lock for what ends it: stop, kill, rm -f. An operation that holds the lock because a child program
 * hangs, or because a client neither reads nor leaves, gets a moment; then it is ended with an error, and so is each
 * that follows before the lock is acquired.
 */
import type { EngineConfig } from '../engine-config.ts';
import type { RunRuntime } from '../ports.ts';
import type { ContainerTable } from './container-table.ts';
import type { Held } from './held.ts';
import type { RunningCopies } from './running-copies.ts';

export interface EndingNeeds {
  readonly config: Pick<EngineConfig, 'patience'>;
  readonly containers: Pick<ContainerTable, 'lockedEvenIfGone'>;
  readonly runtime: Pick<RunRuntime, 'interrupt'>;
  readonly copies: Pick<RunningCopies, 'interrupt'>;
}

const AGAIN_MS = 100;

export async function lockToEnd<T>(
  needs: EndingNeeds,
  id: string,
  work: (held: Held | undefined) => Promise<T>,
): Promise<T> {
  const why = 'before somebody who ends the container lost patience';
  let timer = setTimeout(function hurry() {
    needs.runtime.interrupt(id, why);
    needs.copies.interrupt(id);
    timer = setTimeout(hurry, AGAIN_MS);
  }, needs.config.patience.graceMs);
  try {
    return await needs.containers.lockedEvenIfGone(id, (held) => {
      clearTimeout(timer);
      return work(held);
    });
  } finally {
    clearTimeout(timer);
  }
}
