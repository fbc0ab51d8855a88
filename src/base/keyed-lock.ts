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

  /** Holds several keys; they are taken in sorted order, so that two callers never wait for each other. */
  async runAll<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const [first, ...rest] = [...new Set(keys)].sort();
    if (first === undefined) return work();
    return this.run(first, () => this.runAll(rest, work));
  }

  /** True while the key is held or waited for. */
  busy(key: string): boolean {
    return this.#tails.has(key);
  }
}
