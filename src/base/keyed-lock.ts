/** One queue per key: work under the same key runs one after the other, in the order it was asked for. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    let open!: () => void;
    const tail = new Promise<void>((resolve) => (open = resolve));
    const next = before.then(() => tail);
    this.#tails.set(key, next);
    await before;
    try {
      return await work();
    } finally {
      open();
      if (this.#tails.get(key) === next) this.#tails.delete(key);
    }
  }

  /** True while somebody holds or waits for the key. */
  busy(key: string): boolean {
    return this.#tails.has(key);
  }
}
