/** Lets a few run at once and the others wait, first come first served. */
export class Limiter {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  /** `queued` is called if the work has to wait. */
  async run<T>(work: () => Promise<T>, queued?: () => void): Promise<T> {
    if (this.#free > 0) this.#free--;
    else {
      queued?.();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
