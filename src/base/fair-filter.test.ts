import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filterFairly } from './fair-filter.ts';

test('what is kept is kept in its order, and others have their turn before all is looked at', async () => {
  const busy = (ms: number): void => {
    for (const until = performance.now() + ms; performance.now() < until;);
  };
  let seen = 0;
  let othersAt = -1;
  setImmediate(() => (othersAt = seen));
  const kept = await filterFairly(
    Array.from({ length: 20 }, (_, i) => i),
    (item) => {
      seen++;
      busy(2);
      return item % 2 === 0;
    },
  );
  assert.deepEqual(kept, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
  assert.ok(othersAt >= 0 && othersAt < 20, `after ${othersAt}`);
});
