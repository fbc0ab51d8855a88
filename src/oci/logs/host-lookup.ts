/**
 * Addresses of log servers that are given by name. The system's look-up takes one of the few threads that the whole
 * daemon has for files, for as long as its name servers are silent: so there are two of these at most, a name is looked
 * up once for all that want it, and an address is used for a while, and on while it is looked up again.
 */
import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { within } from '../../base/within.ts';

export interface Address {
  readonly address: string;
  readonly family: number; // 4 or 6
}

const AT_ONCE = 2;
const WAIT_MS = 5000;
const KEEP_MS = 60_000;
const KEEP_FAILURE_MS = 5000;

interface Entry {
  known: readonly Address[] | undefined;
  failure: Error | undefined;
  freshUntil: number;
  pending: Promise<void> | undefined;
}

export class NoAddressInTime extends Error {
  constructor(name: string) {
    super(`no address of ${name} in time`);
  }
}

export class HostLookups {
  readonly #lookup: (name: string) => Promise<readonly Address[]>;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(
    lookup = (name: string): Promise<readonly Address[]> => systemLookup(name, { all: true }),
    now: () => number = () => performance.now(),
  ) {
    this.#lookup = lookup;
    this.#now = now;
  }

  /** @throws what the system says, or NoAddressInTime */
  async addressesOf(name: string, waitMs = WAIT_MS): Promise<readonly Address[]> {
    const family = isIP(name);
    if (family !== 0) return [{ address: name, family }];
    const entry = this.#entryOf(name);
    if (entry.pending === undefined && this.#now() >= entry.freshUntil) entry.pending = this.#ask(name, entry);
    if (entry.known) return entry.known;
    if (entry.pending && !(await within(entry.pending, waitMs))) throw new NoAddressInTime(name);
    if (entry.known) return entry.known;
    throw entry.failure ?? new NoAddressInTime(name);
  }

  #entryOf(name: string): Entry {
    const entry = this.#entries.get(name) ?? {
      known: undefined,
      failure: undefined,
      freshUntil: 0,
      pending: undefined,
    };
    this.#entries.set(name, entry);
    return entry;
  }

  async #ask(name: string, entry: Entry): Promise<void> {
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      entry.known = await this.#lookup(name);
      entry.failure = undefined;
      entry.freshUntil = this.#now() + KEEP_MS;
    } catch (error) {
      entry.failure = error as Error;
      entry.freshUntil = this.#now() + KEEP_FAILURE_MS;
    }
    entry.pending = undefined;
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running--;
  }
}

/** Of this thread. */
export const hostLookups = new HostLookups();
