/**
 * Tracked connections of addresses that were given back. Finding them means a walk through the kernel's whole table, 3 ms
 * and more, so containers that stop within a moment share one, on another thread; before an address is given out again
 * it is done in any case, and a published port that gets a new owner has its own flows deleted at once.
 */
import { errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { deleteFlows, deleteFlowsBeside } from '../../kernel/conntrack.ts';

const DELAY_MS = 40;

export class StaleFlows {
  readonly #log: Log;
  readonly #addresses = new Set<string>();
  /** Those whose flows are being looked for beside. One that is given out meanwhile leaves: its flows are new ones. */
  readonly #beside = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #walks = false;

  constructor(log: Log) {
    this.#log = log;
  }

  add(addresses: readonly string[]): void {
    for (const address of addresses) this.#addresses.add(address);
    this.#timer ??= setTimeout(() => void this.#flushBeside(), DELAY_MS);
  }

  /** Called before an address gets a new owner. */
  flushIfStale(address: string): void {
    if (this.#addresses.has(address) || this.#beside.has(address)) this.flush();
  }

  /** Those of all at once. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const addresses = new Set([...this.#addresses, ...this.#beside]);
    if (addresses.size === 0) return;
    this.#addresses.clear();
    this.#beside.clear();
    try {
      deleteFlows({ addresses });
    } catch (error) {
      this.#complain(error);
    }
  }

  async #flushBeside(): Promise<void> {
    this.#timer = undefined;
    if (this.#walks) return; // what came since is seen to by the loop
    this.#walks = true;
    try {
      while (this.#addresses.size > 0) {
        for (const address of this.#addresses) this.#beside.add(address);
        this.#addresses.clear();
        await deleteFlowsBeside(() => this.#beside);
        this.#beside.clear();
      }
    } catch (error) {
      this.#complain(error);
    } finally {
      this.#beside.clear();
      this.#walks = false;
      if (this.#addresses.size > 0) this.add([]); // given back while a walk failed
    }
  }

  #complain(error: unknown): void {
    this.#log.warn({ error: errorMessage(error) }, 'tracked connections of stopped containers were not deleted');
  }
}
