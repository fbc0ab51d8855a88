import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UndoStack, withUndo } from './undo.ts';

test('unwinding runs steps last-in first-out and goes on past failures', async () => {
  const seen: string[] = [];
  const undo = new UndoStack();
  undo.push('first', () => void seen.push('first'));
  undo.push('second', () => {
    throw new Error('cannot');
  });
  undo.push('third', async () => void seen.push('third'));
  const failures = await undo.unwind();
  assert.deepEqual(seen, ['third', 'first']);
  assert.deepEqual(
    failures.map((failure) => failure.name),
    ['second'],
  );
  assert.equal(undo.size, 0);
});

test('withUndo keeps the work of a success and reports undo failures of a failure without hiding the error', async () => {
  const seen: string[] = [];
  assert.equal(
    await withUndo(
      async (undo) => (undo.push('x', () => void seen.push('x')), 1),
      () => {},
    ),
    1,
  );
  assert.deepEqual(seen, []);
  const reported: string[] = [];
  await assert.rejects(
    withUndo(
      async (undo) => {
        undo.push('veth', () => Promise.reject(new Error('busy')));
        throw new Error('the reason');
      },
      (failure) => reported.push(failure.name),
    ),
    /the reason/,
  );
  assert.deepEqual(reported, ['veth']);
});
