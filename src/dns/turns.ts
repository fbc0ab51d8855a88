/**
 * Work of many parties, done a little at a time and in turn: a busy party only delays itself, and the event loop
 * goes round in between. The process has one of these, the containers are its parties.
 */
const STEPS_PER_ROUND = 8;

export interface Party {
  /** Does one small piece of work; true if there is more that could be done now. */
  step(): boolean;
}

export class Turns {
  /** In the order of their turns. */
  readonly #queue = new Set<Party>();
  readonly #limit: number;
  #done = 0;
  #scheduled = false;

  constructor(stepsPerRound = STEPS_PER_ROUND) {
    this.#limit = stepsPerRound;
  }

  /**
   * To be called when a party has got something to do. It is done at once if no other waits and this round has room.
   */
  wake(party: Party): void {
    if (this.#queue.has(party)) return;
    if (this.#queue.size === 0 && this.#done < this.#limit) {
      this.#schedule();
      this.#done += 1;
      if (!party.step()) return;
    }
    this.#queue.add(party);
    this.#schedule();
  }

  /** For a party that is closed. */
  forget(party: Party): void {
    this.#queue.delete(party);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#done = 0;
      this.#round();
    });
  }

  #round(): void {
    // A set is walked in the order of insertion, and a party inserted during the walk is met at its end.
    for (const party of this.#queue) {
      if (this.#done >= this.#limit) break;
      this.#done += 1;
      this.#queue.delete(party);
      if (party.step()) this.#queue.add(party);
    }
    if (this.#queue.size > 0) this.#schedule();
  }
}
