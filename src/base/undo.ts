/**
 * A stack of undo steps. `unwind` runs them last-in first-out and never stops early: it returns what failed.
 * `release` forgets them: the work is committed.
 */
export class UndoStack {
  #steps: { name: string; run: () => void | Promise<void> }[] = [];

  push(name: string, run: () => void | Promise<void>): void {
    this.#steps.push({ name, run });
  }

  get size(): number {
    return this.#steps.length;
  }

  release(): void {
    this.#steps = [];
  }

  /** Runs and forgets every step; resolves to the failures, each with the step's name. */
  async unwind(): Promise<{ name: string; error: unknown }[]> {
    const failures: { name: string; error: unknown }[] = [];
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step.run();
      } catch (error) {
        failures.push({ name: step.name, error });
      }
    }
    return failures;
  }
}

/**
 * Runs `work` with an undo stack: released when it resolves, unwound when it throws. Failures of undo steps go to
 * `report`; the original error is what the caller sees.
 */
export async function withUndo<T>(
  work: (undo: UndoStack) => Promise<T>,
  report: (failure: { name: string; error: unknown }) => void,
): Promise<T> {
  const undo = new UndoStack();
  try {
    const result = await work(undo);
    undo.release();
    return result;
  } catch (error) {
    for (const failure of await undo.unwind()) report(failure);
    throw error;
  }
}
