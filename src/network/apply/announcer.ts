/**
 * Tells a network's neighbours at which MAC an address is now. Where the address was at another MAC before, traffic
 * would go astray until the neighbours' entries expire: the announcement is sent before the operation ends. Otherwise
 * no neighbour can have a stale entry, and it is sent concurrently with the operation, since a bridge with a thousand
 * ports takes milliseconds to pass it on.
 */
import { errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { announceAddress, announceAddressBeside } from '../../kernel/announce.ts';

const BESIDE_DELAY_MS = 50;

export interface Announcement {
  readonly networkId: string;
  readonly netns: string;
  readonly link: string;
  readonly address: string;
  readonly mac: string;
  readonly times: number; // 0: not at all
  readonly everyMs: number;
}

const sendBeside = ({ netns, link, address, mac }: Announcement): Promise<void> =>
  announceAddressBeside(netns, link, address, mac);

const sendNow = ({ netns, link, address, mac }: Announcement): void => announceAddress(netns, link, address, mac);

export class Announcer {
  readonly #log: Log;
  readonly #lastMacs = new Map<string, Map<string, string>>(); // network id -> address -> MAC
  readonly #queue: Announcement[] = [];
  #working = false;
  #closed = false;

  readonly #send: (announcement: Announcement) => Promise<void>;
  readonly #sendNow: (announcement: Announcement) => void;

  constructor(log: Log, send = sendBeside, now = sendNow) {
    this.#log = log;
    this.#send = send;
    this.#sendNow = now;
  }

  announce(announcement: Announcement): void {
    const { networkId, address, mac, times } = announcement;
    const before = this.note(networkId, address, mac);
    if (times === 0) return;
    if (before !== undefined && before !== mac) {
      try {
        this.#sendNow(announcement);
      } catch (error) {
        this.#complain(announcement, error);
      }
      this.#repeat(announcement);
      return;
    }
    this.#push(announcement, BESIDE_DELAY_MS);
  }

  #push(announcement: Announcement, delayMs: number): void {
    this.#queue.push(announcement);
    if (!this.#working) void this.#work(delayMs);
  }

  /** The rest of the times, counted from the first, so that no delay adds to the next. */
  #repeat(announcement: Announcement): void {
    for (let count = 1; count < announcement.times; count++)
      setTimeout(
        () => !this.#closed && this.#push({ ...announcement, times: 1 }, 0),
        count * announcement.everyMs,
      ).unref();
  }

  /** Records which MAC has an address, as far as neighbours know. Returns the one that had it before. */
  note(networkId: string, address: string, mac: string): string | undefined {
    let macs = this.#lastMacs.get(networkId);
    if (!macs) this.#lastMacs.set(networkId, (macs = new Map()));
    const before = macs.get(address);
    macs.set(address, mac);
    return before;
  }

  /** Most likely the container has left again. A network works without, only later: no reason to refuse a start. */
  #complain({ address }: Announcement, error: unknown): void {
    this.#log.debug({ address, error: errorMessage(error) }, 'an address was not announced');
  }

  forgetNetwork(networkId: string): void {
    this.#lastMacs.delete(networkId);
  }

  close(): void {
    this.#closed = true;
  }

  /** One at a time: others need the threads too. */
  async #work(delayMs: number): Promise<void> {
    this.#working = true;
    // Not in the way of what is done just now.
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs).unref());
    for (let next = this.#queue.shift(); next && !this.#closed; next = this.#queue.shift()) {
      try {
        await this.#send(next);
        this.#repeat(next);
      } catch (error) {
        this.#complain(next, error);
      }
    }
    this.#working = false;
  }
}
