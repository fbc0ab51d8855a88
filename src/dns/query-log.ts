/** A container's queries and the answers, one event per question; costs nothing without a listener. */
import type { QueryEvent } from '../base/name-query.ts';

export type QueryListener = (event: QueryEvent) => void;

export class QueryLog {
  readonly #listeners = new Map<string, Set<QueryListener>>();
  readonly #logged = new Set<string>();
  readonly #write: QueryListener;

  /** `write` gets the events of containers whose log is switched on. */
  constructor(write: QueryListener) {
    this.#write = write;
  }

  wants(sandbox: string): boolean {
    return this.#logged.has(sandbox) || this.#listeners.has(sandbox);
  }

  setLogged(sandbox: string, on: boolean): void {
    if (on) this.#logged.add(sandbox);
    else this.#logged.delete(sandbox);
  }

  /** Returns how to stop. */
  follow(sandbox: string, listener: QueryListener): () => void {
    const set = this.#listeners.get(sandbox) ?? new Set();
    this.#listeners.set(sandbox, set.add(listener));
    return () => {
      set.delete(listener);
      if (set.size === 0 && this.#listeners.get(sandbox) === set) this.#listeners.delete(sandbox);
    };
  }

  emit(event: QueryEvent): void {
    if (this.#logged.has(event.sandbox)) this.#write(event);
    for (const listener of this.#listeners.get(event.sandbox) ?? []) listener(event);
  }
}
