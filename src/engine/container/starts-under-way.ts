/** Which containers are being started: until that is over their records still say that they do not run. */
export class StartsUnderWay {
  readonly #ids = new Map<string, number>();

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** @returns What the start gave, or threw. */
  async during<T>(id: string, start: () => Promise<T>): Promise<T> {
    this.#ids.set(id, (this.#ids.get(id) ?? 0) + 1);
    try {
      return await start();
    } finally {
      const left = this.#ids.get(id)! - 1;
      if (left === 0) this.#ids.delete(id);
      else this.#ids.set(id, left);
    }
  }
}
