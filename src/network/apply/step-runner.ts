/** Runs plans for operations, each with its own context. */
import { errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { UndoStack } from '../../base/undo.ts';
import type { Step } from '../plan/step.ts';
import { applySteps, tearDown } from './apply.ts';
import { ApplyContext, type HostDoors } from './context.ts';

export class StepRunner {
  readonly #doors: HostDoors;
  readonly #log: Log;

  constructor(doors: HostDoors, log: Log) {
    this.#doors = doors;
    this.#log = log;
  }

  /** Sets up; the first failure is thrown, what was done is on `undo`. */
  run(steps: readonly Step[], undo: UndoStack): void {
    // Undo steps use the context too: it lives until the last of them has run, or is closed with the work done.
    const context = new ApplyContext(this.#doors);
    undo.push('sockets', () => context.close());
    applySteps(steps, context, undo);
    context.close();
  }

  /**
   * Takes down as far as it goes. `errors`: what failed at once; `settled` resolves when it is all over, to what failed
   * later.
   */
  beginTearDown(steps: readonly Step[]): { errors: unknown[]; settled: Promise<unknown[]> } {
    const context = new ApplyContext(this.#doors);
    const errors = tearDown(steps, context);
    return { errors, settled: context.settle().finally(() => context.close()) };
  }

  /** Takes down as far as it goes, to the end, and returns what failed. */
  async tearDown(steps: readonly Step[]): Promise<unknown[]> {
    const { errors, settled } = this.beginTearDown(steps);
    return [...errors, ...(await settled)];
  }

  /**
   * Tears down what follows from a committed change, which cannot be refused any more. What fails is retried at once; a
   * second failure is logged as a warning.
   */
  async completeTearDown(what: string, steps: readonly Step[]): Promise<void> {
    const errors = await this.tearDown(steps);
    if (errors.length === 0) return;
    for (const error of await this.tearDown(steps)) this.#log.warn({ error: errorMessage(error) }, what);
  }
}
