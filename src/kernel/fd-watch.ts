/**
 * Tells when a descriptor can be read or written, through libuv's own poll (level-triggered, no thread). Unlike Node's
 * streams it leaves reading to the caller: packets keep their borders, and a peer that closes takes nothing with it.
 */
import koffi from 'koffi';

// A poll handle that is collected as garbage closes itself: what is open stands here.
const open = new Set<FdWatch>();

// An event that comes while Node takes itself down calls into a world that is gone, and the process aborts.
process.once('exit', () => open.forEach((watch) => watch.close()));

export interface WatchedEvents {
  readonly readable?: boolean;
  readonly writable?: boolean;
}

/** One watch a descriptor: libuv takes no second. Close the watch before the descriptor. */
export class FdWatch {
  readonly #handle: ReturnType<typeof koffi.node.poll>;
  readonly #ready: () => void;
  #active = false;
  #closed = false;
  #scheduled: NodeJS.Immediate | undefined;

  /** `ready` runs once a turn of the loop while something that is watched for is there. */
  constructor(fd: number, events: WatchedEvents, ready: () => void) {
    this.#ready = ready;
    this.#handle = koffi.node.poll(fd, { readable: events.readable ?? false, writable: events.writable ?? false }, this.#onEvent);
    open.add(this);
    this.#active = true;
    if (!events.readable && !events.writable) this.watch(events);
  }

  // koffi calls from outside Node's callback scope, where no promise would go on: an immediate follows in the same turn.
  readonly #onEvent = () => {
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      if (!this.#closed) this.#ready();
    });
  };

  /** What to watch for from now on; neither: nothing, and the process may end. */
  watch(events: WatchedEvents): void {
    if (this.#closed) return;
    const wanted = Boolean(events.readable || events.writable);
    if (wanted) this.#handle.start({ readable: events.readable ?? false, writable: events.writable ?? false }, this.#onEvent);
    else if (this.#active) this.#handle.stop();
    this.#active = wanted;
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
    if (this.#scheduled) clearImmediate(this.#scheduled);
    this.#handle.close();
  }
}
