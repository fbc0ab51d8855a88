/**
 * Tells when a descriptor can be read or written, through libuv's own poll (level-triggered, no thread). Unlike Node's
 * streams it leaves reading to the caller: packets keep their borders, and a peer that closes takes nothing with it. It
 * works on what streams cannot wrap: netlink, epoll, pidfds and raw sockets.
 *
 * However many descriptors are ready at once (hundreds of containers that end, or write), what is done about them takes
 * its turns with everything else: after TURN_MS the rest waits for the next turn of the loop.
 */
import { beat } from '../base/activity.ts';
import { pollWithLibuv, type PollHandle } from './ffi.ts';

// A poll handle that is collected as garbage closes itself: open ones are kept here.
const open = new Set<FdWatch>();

// An event that comes while Node takes itself down calls into a world that is gone, and the process aborts.
process.once('exit', () => open.forEach((watch) => watch.close()));

const TURN_MS = 10;
let turnStartMs = 0;
let waiting = 0; // watches whose event is to be dealt with
let nextTurn: NodeJS.Immediate | undefined;

/**
 * Whether this turn of the loop has taken long enough; then the next one starts afresh, before the work deferred to it.
 */
function turnIsOver(): boolean {
  if (performance.now() - turnStartMs < TURN_MS) return false;
  nextTurn ??= setImmediate(() => {
    nextTurn = undefined;
    turnStartMs = performance.now();
  });
  return true;
}

export interface WatchedEvents {
  readonly readable?: boolean;
  readonly writable?: boolean;
}

const complete = (events: WatchedEvents) => ({
  readable: events.readable ?? false,
  writable: events.writable ?? false,
});

/** One watch a descriptor: libuv takes no second. Close the watch before the descriptor. */
export class FdWatch {
  readonly #handle: PollHandle;
  readonly #ready: () => void;
  readonly #failed: () => void;
  #active = true;
  #events: Required<WatchedEvents>;
  #closed = false;
  #scheduled: NodeJS.Immediate | undefined;

  /**
   * `ready` runs once per turn of the event loop while something that is watched for is there. An error pending on the
   * descriptor (a netlink socket that overflowed, a pipe without a reader) ends the watching, and `failed` runs: it may
   * read the error off and `watch` again. Without it `ready` runs and meets the error itself.
   */
  constructor(fd: number, events: WatchedEvents, ready: () => void, failed: () => void = ready) {
    this.#ready = ready;
    this.#failed = failed;
    this.#events = complete(events);
    this.#handle = pollWithLibuv(fd, this.#events, this.#onEvent);
    open.add(this);
    if (!events.readable && !events.writable) this.watch(events);
  }

  // koffi calls from outside Node's callback scope, where no promise would go on: an immediate follows in the same
  // turn.
  readonly #onEvent = (status: number) => {
    if (status !== 0) this.#active = false;
    if (this.#scheduled !== undefined) return;
    beat();
    if (waiting++ === 0) turnStartMs = performance.now();
    this.#scheduled = setImmediate(this.#deal, status);
  };

  readonly #deal = (status: number) => {
    if (turnIsOver()) {
      this.#scheduled = setImmediate(this.#deal, status);
      return;
    }
    this.#scheduled = undefined;
    waiting--;
    if (status !== 0) this.#failed();
    else if (this.#active) this.#ready(); // it may have stopped watching meanwhile
  };

  /** What to watch for from now on; neither: nothing, and the process may end. */
  watch(events: WatchedEvents): void {
    if (this.#closed) return;
    const now = complete(events);
    const wanted = now.readable || now.writable;
    const before = this.#events;
    if (this.#active && wanted && now.readable === before.readable && now.writable === before.writable) return;
    if (wanted) this.#handle.start(now, this.#onEvent);
    else if (this.#active) this.#handle.stop();
    this.#active = wanted;
    this.#events = now;
  }

  /** Keeps the process alive while it watches, as it does at first. */
  ref(): this {
    this.#handle.ref();
    return this;
  }

  /** Does not keep the process alive. */
  unref(): this {
    this.#handle.unref();
    return this;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    open.delete(this);
    if (this.#scheduled) {
      clearImmediate(this.#scheduled);
      this.#scheduled = undefined;
      waiting--;
    }
    this.#handle.close();
  }
}

/** Calls `ready` while the descriptor can be read, without keeping the process alive. */
export function watchReadable(fd: number, ready: () => void, failed?: () => void): FdWatch {
  return new FdWatch(fd, { readable: true }, ready, failed).unref();
}
