import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttachSession, endingWithRun } from './attach-session.ts';

const connection = {
  write: async () => {},
  endStdin: async () => {},
  relieved: () => {},
  leave: () => {},
};

function session() {
  const inner = new AttachSession(false, connection);
  let exit!: () => void;
  const exited = new Promise<void>((resolve) => (exit = resolve));
  return { inner, exit, outer: endingWithRun(inner, exited) };
}

async function read(output: AsyncIterable<{ readonly data: Buffer }>, order: string[]): Promise<void> {
  for await (const { data } of output) order.push(data.toString());
  order.push('over');
}

test('output ends after the end of its process is known, and not with the connection', async () => {
  const { inner, exit, outer } = session();
  const order: string[] = [];
  inner.deliver({ stream: 'stdout', data: Buffer.from('last words') });
  inner.end();
  const reading = read(outer.output, order);
  while (order.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  order.push('exited');
  exit();
  await reading;
  assert.deepEqual(order, ['last words', 'exited', 'over']);
});

test('a detached client waits for nothing', async () => {
  const { outer } = session();
  const order: string[] = [];
  const reading = read(outer.output, order);
  outer.detach();
  await reading;
  assert.deepEqual(order, ['over']);
});
