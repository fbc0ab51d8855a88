/**
 * Containers and networks that are being changed now: what is missing of them is not missing yet, or any more. Each
 * change is whole or undone.
 */
import { errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { withUndo, type UndoStack } from '../../base/undo.ts';

export class Busy {
  readonly #ids = new Set<string>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  get any(): boolean {
    return this.#ids.size > 0;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** `failing`: what the log says where something of it cannot be undone, with these facts. */
  async change<T>(
    id: string,
    failing: { readonly what: string; readonly facts?: Readonly<Record<string, string>> },
    work: (undo: UndoStack) => Promise<T>,
  ): Promise<T> {
    this.#ids.add(id);
    try {
      return await withUndo(work, (failure) =>
        this.#log.error({ ...failing.facts, step: failure.name, error: errorMessage(failure.error) }, failing.what),
      );
    } finally {
      this.#ids.delete(id);
    }
  }
}
