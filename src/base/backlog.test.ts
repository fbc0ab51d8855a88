import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backlog } from './backlog.ts';

const turns = () => new Promise((resolve) => setImmediate(resolve));

test('a few pieces go on at a time, some wait, and who brings more waits until there is room', async () => {
  const backlog = new Backlog({ atOnce: 2, room: 3 });
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const takenIn: number[] = [];
  for (let one = 0; one < 8; one++) {
    const work = () => {
      begun.push(one);
      return new Promise<void>((resolve) => ends.push(resolve));
    };
    void backlog.add(work).then(() => takenIn.push(one));
  }
  await turns();
  assert.deepEqual(
    [begun, takenIn],
    [
      [0, 1],
      [0, 1, 2, 3, 4],
    ],
  );
  ends.shift()!();
  await turns();
  assert.deepEqual([begun.length, takenIn], [3, [0, 1, 2, 3, 4, 5]]);
  while (ends.length > 0) {
    ends.shift()!();
    await turns();
  }
  assert.deepEqual(
    [begun, takenIn],
    [
      [0, 1, 2, 3, 4, 5, 6, 7],
      [0, 1, 2, 3, 4, 5, 6, 7],
    ],
  );
});
