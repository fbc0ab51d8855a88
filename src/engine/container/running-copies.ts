/** Archives that are being read from or written to stopped containers, which are mounted and locked meanwhile. */
import type { Readable } from 'node:stream';
import { conflict } from '../../base/errors.ts';

export class RunningCopies {
  readonly #streams = new Map<string, Set<Readable>>();

  /** Until the stream is closed, `interrupt` ends it. */
  add(id: string, stream: Readable): void {
    const streams = this.#streams.get(id) ?? new Set();
    this.#streams.set(id, streams.add(stream));
    stream.once('close', () => {
      streams.delete(stream);
      if (streams.size === 0 && this.#streams.get(id) === streams) this.#streams.delete(id);
    });
  }

  interrupt(id: string): void {
    for (const stream of this.#streams.get(id) ?? [])
      stream.destroy(conflict(`container ${id} is being removed: the copy is not complete`));
  }
}
