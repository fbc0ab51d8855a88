import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairTurns } from '../base/fair-turns.ts';
import { sortedNames } from './sorted-names.ts';

test('names come in the order of sort, however many there are', async () => {
  for (const count of [0, 1, 2, 2047, 2048, 2049, 10_000]) {
    const names = Array.from(
      { length: count },
      (_, n) => `${(n * 7919) % 10_007}-ä${String.fromCodePoint(0x1f600 + (n % 50))}`,
    );
    assert.deepEqual(await sortedNames(new Set(names), new FairTurns()), [...names].sort());
  }
});

test('sorting many names gives everybody else turns', async () => {
  let turns = 0;
  let going = true;
  const count = (): void => void (going && (turns++, setImmediate(count)));
  count();
  await sortedNames(
    Array.from({ length: 40_000 }, (_, n) => `${(n * 7919) % 100_003}`),
    new FairTurns(),
  );
  going = false;
  assert.ok(turns > 40, `${turns} turns of the event loop`);
});
