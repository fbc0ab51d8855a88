import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairTurns } from './fair-turns.ts';

test('one piece a turn of the loop, in the order of asking', async () => {
  const turns = new FairTurns();
  const seen: string[] = [];
  let over = false;
  let turn = 0;
  const count = (): void => {
    turn++;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  const workers = ['a', 'b', 'c'].map(async (name) => {
    for (let piece = 0; piece < 3; piece++) {
      await turns.take();
      seen.push(`${name}${turn}`);
    }
  });
  await Promise.all(workers);
  over = true;
  assert.equal(seen.map((entry) => entry[0]).join(''), 'abcabcabc');
  assert.equal(new Set(seen.map((entry) => entry.slice(1))).size, 9, seen.join(' '));
});
