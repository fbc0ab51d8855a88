/** Files of containers that could not be updated after a change that cannot be refused any more: they are retried. */
import { tryAgainLater } from '../../base/again.ts';

export class LateFiles {
  readonly #waiting = new Set<string>();
  #closed = false;

  /**
   * Once for each container, however often it is asked: `again` makes all that is due then, and throws while it cannot.
   */
  add(containerId: string, again: () => Promise<void>, gaveUp: (error: unknown) => void): void {
    if (this.#closed || this.#waiting.has(containerId)) return;
    this.#waiting.add(containerId);
    const work = async (): Promise<void> => {
      if (!this.#closed) await again();
      this.#waiting.delete(containerId);
    };
    tryAgainLater(work, (error) => {
      this.#waiting.delete(containerId);
      gaveUp(error);
    });
  }

  close(): void {
    this.#closed = true;
  }
}
