/**
 * Tracked connections of addresses that were given back. Finding them means reading the kernel's whole table, 3 ms in
 * which nothing else is done, so containers that stop within a moment share one reading; before an address is given out
 * again it is done in any case, and a published port that gets a new owner has its own flows deleted at once.
 */
import { errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { deleteFlows } from '../../kernel/conntrack.ts';

const DELAY_MS = 40;

export class StaleFlows {
  readonly #log: Log;
  readonly #addresses = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  add(addresses: readonly string[]): void {
    for (const address of addresses) this.#addresses.add(address);
    this.#timer ??= setTimeout(() => this.flush(), DELAY_MS);
  }

  /** Called before an address gets a new owner. */
  flushIfStale(address: string): void {
    if (this.#addresses.has(address)) this.flush();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#addresses.size === 0) return;
    const addresses = new Set(this.#addresses);
    this.#addresses.clear();
    try {
      deleteFlows({ addresses });
    } catch (error) {
      this.#log.warn({ error: errorMessage(error) }, 'tracked connections of stopped containers were not deleted');
    }
  }
}
