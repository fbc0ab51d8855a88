/**
 * What a part of `npm run test:fault` has tried, for docs/reliability.md. A test records it, whether it found something or not; the script that runs the
 * parts (scripts/fault-report.mjs) writes the page from all that was recorded.
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

/** Kept only in the full form: the page says nothing about samples. */
export function recordResult(result: Result): void {
  if (!FULL) return;
  const dir = join(PROJECT, 'dist/fault-results');
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, `${`${result.part} ${result.item}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.json`), JSON.stringify(result));
}
