/**
 * Names of a directory in order, where there may be a million: sorting them at once would be one long turn of the event
 * loop.
 */
import type { FairTurns } from '../base/fair-turns.ts';

const NAMES_A_TURN = 2048;

/** As `sort` has them. */
export async function sortedNames(names: Iterable<string>, turns: FairTurns): Promise<string[]> {
  let runs: string[][] = [];
  let run: string[] = [];
  for (const name of names) {
    run.push(name);
    if (run.length < NAMES_A_TURN) continue;
    runs.push(run.sort());
    run = [];
    await turns.take();
  }
  runs.push(run.sort());
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let i = 0; i < runs.length; i += 2) merged.push(await merge(runs[i]!, runs[i + 1] ?? [], turns));
    runs = merged;
  }
  return runs[0]!;
}

async function merge(one: readonly string[], other: readonly string[], turns: FairTurns): Promise<string[]> {
  const merged: string[] = [];
  for (let i = 0, j = 0; i < one.length || j < other.length;) {
    merged.push(j === other.length || (i < one.length && one[i]! <= other[j]!) ? one[i++]! : other[j++]!);
    if (merged.length % NAMES_A_TURN === 0) await turns.take();
  }
  return merged;
}
