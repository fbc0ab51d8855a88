import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedLock } from './keyed-lock.ts';

test('work under one key runs in the order it was asked for, one at a time', async () => {
  const lock = new KeyedLock();
  const seen: string[] = [];
  const step = (name: string) =>
    lock.run('a', async () => {
      seen.push(`${name} in`);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(`${name} out`);
    });
  await Promise.all([step('one'), step('two'), step('three')]);
  assert.deepEqual(seen, ['one in', 'one out', 'two in', 'two out', 'three in', 'three out']);
});

test('a failure does not block the next in line, and a free key leaves nothing behind', async () => {
  const lock = new KeyedLock();
  await assert.rejects(
    lock.run('a', async () => Promise.reject(new Error('boom'))),
    /boom/,
  );
  assert.equal(await lock.run('a', async () => 7), 7);
  assert.equal(lock.busy('a'), false);
});

test('different keys do not wait for each other', async () => {
  const lock = new KeyedLock();
  let release!: () => void;
  const held = lock.run('a', () => new Promise<void>((resolve) => (release = resolve)));
  assert.equal(await lock.run('b', async () => 'done'), 'done');
  assert.equal(lock.busy('a'), true);
  release();
  await held;
});

test('several keys are held together and two callers with the same keys never deadlock', async () => {
  const lock = new KeyedLock();
  const seen: string[] = [];
  const both = (name: string, keys: string[]) =>
    lock.runAll(keys, async () => {
      seen.push(`${name} in`);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(`${name} out`);
    });
  await Promise.all([both('one', ['a', 'b']), both('two', ['b', 'a', 'a'])]);
  assert.deepEqual(seen, ['one in', 'one out', 'two in', 'two out']);
});
