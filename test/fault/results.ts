/**
 * What a part of `npm run test:fault` has tried, for docs/reliability.md. A test records it, whether it found something
 * or not; the script that runs the parts (scripts/fault-report.mjs) writes the page from all that was recorded.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from '../harness/test-engine.ts';

export interface Result {
  /** The heading under which it comes: 'Step boundaries'. */
  readonly part: string;
  /** What the part does, in some sentences of Markdown; the same in all its results. */
  readonly about: string;
  /** What was tried: one line of the part's table. Recorded again, it takes the earlier one's place. */
  readonly item: string;
  /** What was counted: 'kills' and how many. The columns of the table, and summed at the top of the page. */
  readonly counts: Readonly<Record<string, number>>;
  /** What did not hold, one text each. */
  readonly violations: readonly string[];
}

/** True in the full form, which tries all; the suite has a short one. */
export const FULL = process.env['CAUSEWAY_FAULT_FULL'] === '1';

/** How long the whole file may take, in the full form of `npm run test:fault -- --minutes N`. */
export const PART_SECONDS =
  process.env['CAUSEWAY_PART_SECONDS'] === undefined ? undefined : Number(process.env['CAUSEWAY_PART_SECONDS']);

/** Shares what time there is among items that take turns: what one does not need is the others'. */
export class Turns {
  #left: number;
  readonly #end: number;
  readonly #maxSeconds: number;

  /** `maxSeconds`: no turn is longer. */
  constructor(count: number, maxSeconds: number, seconds = PART_SECONDS ?? Infinity) {
    this.#left = count;
    this.#maxSeconds = maxSeconds;
    this.#end = Date.now() + seconds * 1000;
  }

  /** When the turn ends that begins now; each has some time, also where there is none left. */
  next(): number {
    const now = Date.now();
    const share = Math.max(0, this.#end - now) / Math.max(1, this.#left--);
    return now + Math.min(this.#maxSeconds * 1000, share);
  }
}

const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** In an order in which however many come first lie evenly among all; another order with another seed. */
export function spread<T>(items: readonly T[], seed: number): T[] {
  const place = (index: number): number => ((index + seed) * GOLDEN) % 1;
  return items
    .map((item, index) => ({ item, at: place(index) }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** Kept only in the full form: the page says nothing about samples. */
export function recordResult(result: Result): void {
  if (!FULL) return;
  const dir = join(PROJECT, 'dist/fault-results');
  mkdirSync(dir, { recursive: true });
  writeFileSync(
    join(dir, `${`${result.part} ${result.item}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.json`),
    JSON.stringify(result),
  );
}
