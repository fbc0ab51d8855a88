import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterMs } from './long-timer.ts';
import { within } from './within.ts';

const MONTH_MS = 31 * 24 * 3600 * 1000;

test('a delay that Node cannot count is no short one', async (t) => {
  const fired: number[] = [];
  const timers = [2 ** 31, MONTH_MS, 1e18, Infinity].map((delayMs) => afterMs(delayMs, () => fired.push(delayMs)));
  t.after(() => timers.forEach((timer) => timer.clear()));
  await new Promise<void>((resolve) => afterMs(20, resolve));
  assert.deepEqual(fired, []);
});

test('it comes when all parts of it have passed', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  let fired = 0;
  afterMs(MONTH_MS, () => fired++);
  for (const passedMs of [2 ** 31 - 1, MONTH_MS - 2 ** 31]) {
    nowMs += passedMs;
    t.mock.timers.tick(passedMs);
  }
  assert.equal(fired, 0);
  nowMs += 1;
  t.mock.timers.tick(1);
  assert.equal(fired, 1);
});

test('a patience of a month waits', async () => {
  const slow = new Promise<void>((resolve) => setTimeout(resolve, 20));
  assert.equal(await within(slow, MONTH_MS), true);
});
