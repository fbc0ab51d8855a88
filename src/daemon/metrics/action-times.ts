/** How long actions took: a histogram for each of a fixed set of actions. */
import type { Metric, Sample } from './exposition.ts';

/** Seconds; Prometheus' usual ones. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class ActionTimes {
  readonly #name: string;
  readonly #help: string;
  readonly #actions: ReadonlyMap<string, { counts: number[]; sum: number; count: number }>;

  constructor(name: string, help: string, actions: readonly string[]) {
    this.#name = name;
    this.#help = help;
    this.#actions = new Map(actions.map((action) => [action, { counts: BOUNDS.map(() => 0), sum: 0, count: 0 }]));
  }

  /** The same function, timed; one that fails does not count, as with dockerd. */
  timed<A extends unknown[], R>(action: string, work: (...of: A) => Promise<R>): (...of: A) => Promise<R> {
    return async (...of) => {
      const startMs = performance.now();
      const result = await work(...of);
      this.observe(action, (performance.now() - startMs) / 1000);
      return result;
    };
  }

  observe(action: string, seconds: number): void {
    const entry = this.#actions.get(action);
    if (!entry) throw new Error(`no such action: ${action}`);
    entry.sum += seconds;
    entry.count++;
    for (const [index, bound] of BOUNDS.entries()) if (seconds <= bound) entry.counts[index]!++;
  }

  metric(): Metric {
    const samples = [...this.#actions].flatMap(([action, { counts, sum, count }]): Sample[] => [
      ...BOUNDS.map((bound, index) => ({
        suffix: '_bucket',
        labels: { action, le: String(bound) },
        value: counts[index]!,
      })),
      { suffix: '_bucket', labels: { action, le: '+Inf' }, value: count },
      { suffix: '_sum', labels: { action }, value: sum },
      { suffix: '_count', labels: { action }, value: count },
    ]);
    return { name: this.#name, help: this.#help, type: 'histogram', samples };
  }
}
