/**
 * Work on a container that runs. Its process may end at any moment, and until that is dealt with its record says that
 * it runs: what fails for that reason fails as it would a moment later.
 */
import { conflict } from '../../base/errors.ts';
import type { LiveRuntime } from '../ports.ts';

export interface RunningNeeds {
  readonly runtime: Pick<LiveRuntime, 'runs'>;
}

/** @throws conflict 'is not running' in place of the error of a container that has ended meanwhile */
export async function whileItRuns<T>(needs: RunningNeeds, id: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (needs.runtime.runs(id)) throw error;
    throw notRunning(id, error);
  }
}

export const notRunning = (id: string, cause?: unknown): Error => conflict(`container ${id} is not running`, cause);
