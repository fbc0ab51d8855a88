import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns, type Party } from './turns.ts';

const nextRound = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Has `work` steps to do, and notes each. */
function party(name: string, work: number, done: string[]): Party & { add(more: number): void } {
  let left = work;
  return {
    step: () => {
      if (left === 0) return false;
      left -= 1;
      done.push(name);
      return left > 0;
    },
    add: (more) => (left += more),
  };
}

test('a party alone is served at once, as far as the round goes', () => {
  const done: string[] = [];
  new Turns(4).wake(party('a', 1, done));
  assert.deepEqual(done, ['a']);
});

test('short work waits for one step of each long one', async () => {
  const done: string[] = [];
  const turns = new Turns(4);
  turns.wake(party('much', 1000, done));
  turns.wake(party('more', 1000, done));
  turns.wake(party('little', 1, done));
  await nextRound();
  assert.ok(done.indexOf('little') <= 3, done.join(' '));
});

test('a round does no more than its steps, and the next goes on', async () => {
  const done: string[] = [];
  const turns = new Turns(4);
  turns.wake(party('a', 10, done));
  await nextRound();
  assert.ok(done.length <= 5, `${done.length} steps`);
  for (let round = 0; round < 10; round++) await nextRound();
  assert.equal(done.length, 10);
});

test('a party that wakes itself for every piece does not get around the limit', async () => {
  const done: string[] = [];
  const turns = new Turns(4);
  const busy = party('busy', 0, done);
  for (let index = 0; index < 100; index++) {
    busy.add(1);
    turns.wake(busy);
  }
  assert.equal(done.length, 4);
  turns.wake(party('other', 1, done));
  await nextRound();
  assert.ok(done.indexOf('other') <= 6, done.join(' '));
});

test('a forgotten entry does nothing more', async () => {
  const done: string[] = [];
  const turns = new Turns(1);
  const gone = party('gone', 5, done);
  turns.wake(gone);
  turns.forget(gone);
  await nextRound();
  assert.deepEqual(done, ['gone']);
});
