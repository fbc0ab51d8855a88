/**
 * Work that goes beside what asked for it, a few pieces at a time. It is not endless: who brings more while many wait
 * waits too, and so brings no more than is done.
 */
export class Backlog {
  readonly #atOnce: number;
  readonly #room: number;
  readonly #waiting: (() => Promise<void>)[] = [];
  readonly #outside: (() => void)[] = [];
  #running = 0;

  /** `atOnce`: so many go on together; `room`: so many more wait without anybody waiting for them. */
  constructor({ atOnce, room }: { readonly atOnce: number; readonly room: number }) {
    this.#atOnce = atOnce;
    this.#room = room;
  }

  /** Resolves when `work`, which must not reject, is taken in; that it is done is another matter. */
  async add(work: () => Promise<void>): Promise<void> {
    while (this.#running >= this.#atOnce && this.#waiting.length >= this.#room)
      await new Promise<void>((resolve) => this.#outside.push(resolve));
    this.#waiting.push(work);
    this.#next();
  }

  #next(): void {
    while (this.#running < this.#atOnce) {
      const work = this.#waiting.shift();
      if (!work) return;
      this.#outside.shift()?.();
      this.#running++;
      void work().finally(() => {
        this.#running--;
        this.#next();
      });
    }
  }
}
