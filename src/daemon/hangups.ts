/** SIGHUP, which would end the process by default. One that comes while the daemon starts counts when it has started. */
export class Hangups {
  #act: (() => void) | undefined;
  #isDue = false;

  constructor() {
    process.on('SIGHUP', () => {
      if (this.#act) this.#act();
      else this.#isDue = true;
    });
  }

  act(work: () => void): void {
    this.#act = work;
    if (this.#isDue) work();
  }
}
