import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tryAgainLater } from './again.ts';

/** What `begin` hands to its argument. The timers under test keep no process alive. */
async function told<T>(begin: (tell: (value: T) => void) => void): Promise<T> {
  const alive = setInterval(() => {}, 1000);
  return new Promise<T>(begin).finally(() => clearInterval(alive));
}

test('what failed is done again until it succeeds', async () => {
  let count = 0;
  const work = (tell: (value: number) => void) => () => {
    if (++count < 3) throw new Error('busy');
    tell(count);
  };
  assert.equal(await told<number>((tell) => tryAgainLater(work(tell), () => tell(-1), [1, 1, 1])), 3);
});

test('the last failure is reported, thrown or rejected', async () => {
  const throwing = (): void => {
    throw new Error('busy');
  };
  for (const work of [throwing, () => Promise.reject(new Error('busy'))]) {
    assert.match(String(await told<unknown>((tell) => tryAgainLater(work, tell, [1, 1]))), /busy/);
  }
});
