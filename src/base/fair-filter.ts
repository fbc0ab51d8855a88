/** Filters a possibly long list by a possibly slow predicate: other work gets its turn meanwhile. */
import { FairTurns } from './fair-turns.ts';

const PIECE_MS = 5;
const turns = new FairTurns();

export async function filterFairly<T>(items: readonly T[], keep: (item: T) => boolean): Promise<T[]> {
  const kept: T[] = [];
  let untilMs = performance.now() + PIECE_MS;
  for (const item of items) {
    if (performance.now() > untilMs) {
      await turns.take();
      untilMs = performance.now() + PIECE_MS;
    }
    if (keep(item)) kept.push(item);
  }
  return kept;
}
