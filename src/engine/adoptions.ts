/**
 * What of an earlier daemon's this one has taken up, while clients are served already. A container of that daemon passes
 * three points: it is seen (what is shown of it is true), adopted (its exit can be dealt with), open (clients may change
 * it). What is not of an earlier daemon has passed them all.
 */
type Point = 'seen' | 'adopted' | 'open';

class Gate {
  readonly passed: Promise<void>;
  pass!: () => void;

  constructor() {
    this.passed = new Promise((resolve) => (this.pass = resolve));
  }
}

export class Adoptions {
  readonly #gates: Readonly<Record<Point, Map<string, Gate>>> = {
    seen: new Map(),
    adopted: new Map(),
    open: new Map(),
  };
  readonly #over = new Gate();
  #isOver = false;

  /** Ids of the containers that there are. */
  constructor(ids: Iterable<string>) {
    for (const id of ids) this.close(id);
  }

  close(id: string): void {
    for (const gates of Object.values(this.#gates)) gates.set(id, new Gate());
  }

  /** What is shown of it from here on is true. */
  see(id: string): void {
    this.#pass('seen', id);
  }

  adopt(id: string): void {
    this.#pass('seen', id);
    this.#pass('adopted', id);
  }

  /** Clients may change it, and from here on it is theirs: no policy of an earlier daemon's time starts it. */
  open(id: string): void {
    this.adopt(id);
    this.#pass('open', id);
  }

  /** All is taken up, and what is left to do is to start what policies ask for. */
  finish(): void {
    for (const id of this.#gates.adopted.keys()) this.adopt(id);
    this.#isOver = true;
    this.#over.pass();
  }

  openAll(): void {
    for (const id of this.#gates.open.keys()) this.open(id);
  }

  isOpen(id: string): boolean {
    return !this.#gates.open.has(id);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Of one container, or of all. */
  async whenSeen(id?: string): Promise<void> {
    if (id === undefined) await Promise.all([...this.#gates.seen.values()].map((gate) => gate.passed));
    else await this.#gates.seen.get(id)?.passed;
  }

  async whenAdopted(id: string): Promise<void> {
    await this.#gates.adopted.get(id)?.passed;
  }

  async whenOpen(id: string): Promise<void> {
    await this.#gates.open.get(id)?.passed;
  }

  whenOver(): Promise<void> {
    return this.#over.passed;
  }

  #pass(point: Point, id: string): void {
    this.#gates[point].get(id)?.pass();
    this.#gates[point].delete(id);
  }
}
