/**
 * What is to be removed of containers that have ended. Each part is tried whatever became of the others; those that
 * failed are tried again later.
 */
import { AGAIN_AFTER_MS } from '../base/again.ts';
import { errorMessage, systemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

export interface Leftover {
  readonly what: string;
  /** Can be repeated; absent is fine. */
  readonly remove: () => void | Promise<void>;
  /** By this a daemon that starts finds the others: it goes when they have gone. */
  readonly last?: boolean;
}

interface Task {
  parts: Leftover[];
  busy: boolean;
  tries: number;
  running: Promise<void>;
  failure: string;
}

export class Leftovers {
  readonly #log: Log;
  readonly #againAfterMs: readonly number[];
  readonly #tasks = new Map<string, Task>();

  constructor(log: Log, againAfterMs = AGAIN_AFTER_MS) {
    this.#log = log;
    this.#againAfterMs = againAfterMs;
  }

  /**
   * Removes them, after what is still to be removed of the container. Never rejects: what failed is warned about, and
   * tried again in the background.
   */
  remove(id: string, parts: readonly Leftover[]): Promise<void> {
    const task = this.#tasks.get(id) ?? { parts: [], busy: false, tries: 0, running: Promise.resolve(), failure: '' };
    this.#tasks.set(id, task);
    task.parts.push(...parts);
    if (!task.busy) task.running = this.#tryAll(id, task);
    return task.running;
  }

  /** Before something is made in the same place. @throws systemError with what still cannot be removed */
  async clear(id: string): Promise<void> {
    const task = this.#tasks.get(id);
    if (!task) return;
    if (!task.busy) task.running = this.#tryAll(id, task);
    await task.running;
    if (this.#tasks.has(id)) throw systemError(`what is left of an earlier run cannot be removed: ${task.failure}`);
  }

  /** Forgets what is left: the next daemon finds it. */
  close(): void {
    this.#tasks.clear();
  }

  /** Has done what takes no time when it returns. */
  async #tryAll(id: string, task: Task): Promise<void> {
    task.busy = true;
    const failed: Leftover[] = [];
    for (let part = task.parts.shift(); part; part = task.parts.shift()) {
      if (part.last && failed.length > 0) {
        failed.push(part);
        continue;
      }
      try {
        const removing = part.remove();
        if (removing) await removing;
      } catch (error) {
        failed.push(part);
        task.failure = `${part.what}: ${errorMessage(error)}`;
        this.#log.warn(
          { container: id, what: part.what, error: errorMessage(error) },
          'cannot remove what is left of a container that has ended; it is tried again',
        );
      }
    }
    task.parts = failed;
    task.busy = false;
    if (failed.length === 0) this.#tasks.delete(id);
    else this.#tryLater(id, task);
  }

  #tryLater(id: string, task: Task): void {
    const afterMs = this.#againAfterMs[task.tries++];
    if (afterMs === undefined) return; // the next start of the container tries, or the next daemon
    setTimeout(() => {
      if (this.#tasks.get(id) === task && !task.busy) task.running = this.#tryAll(id, task);
    }, afterMs).unref();
  }
}
