/** Work that takes long, in parts: after every few milliseconds it lets other work of this process have a turn. */
const TURN_MS = 5;

export class LongWork {
  #begunMs = performance.now();

  /** Waits for the next turn of the event loop where this one has lasted long enough. */
  async pauseIfDue(): Promise<void> {
    if (this.isDue) await this.pause();
  }

  /** For loops that cannot afford a promise each time round. */
  get isDue(): boolean {
    return performance.now() - this.#begunMs >= TURN_MS;
  }

  async pause(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#begunMs = performance.now();
  }
}
