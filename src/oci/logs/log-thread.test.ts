/** The thread of the logs, with a program that answers everything at once. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { silentLog } from '../../base/log.ts';
import type { LogTarget } from './log-pump.ts';
import { LogThread } from './log-thread.ts';

const PROGRAM = new URL(
  `data:text/javascript,${encodeURIComponent(
    `import { parentPort } from 'node:worker_threads';
     parentPort.on('message', ({ token }) => token !== undefined && parentPort.postMessage({ settled: token }));`,
  )}`,
);
const TARGET = { logPath: '/nowhere' } as unknown as LogTarget;

let started: Worker[] = [];
const noteWorker = (worker: Worker): void => void started.push(worker);
before(() => void process.on('worker', noteWorker));
after(() => {
  process.off('worker', noteWorker);
  for (const worker of started) void worker.terminate();
});
const thread = (idleMs: number): LogThread => {
  started = [];
  return new LogThread(silentLog, () => {}, PROGRAM, idleMs);
};

test('when the last container that had a run is forgotten, the thread ends, and the next run has another', async () => {
  const logs = thread(1);
  logs.begin('a', '/nowhere/a', TARGET);
  await logs.settled('a');
  const [first] = started;
  const ended = once(first!, 'exit');
  await logs.forget('a');
  await ended;
  assert.equal(started.length, 1, 'none is begun for nobody');
  logs.begin('b', '/nowhere/b', TARGET);
  await logs.settled('b');
  assert.equal(started.length, 2);
});

test('while a container has a run the thread stays', async () => {
  const logs = thread(1);
  logs.begin('a', '/nowhere/a', TARGET);
  logs.begin('b', '/nowhere/b', TARGET);
  await logs.forget('a');
  const [first] = started;
  const other = new LogThread(silentLog, () => {}, PROGRAM, 1);
  other.begin('c', '/nowhere/c', TARGET);
  await other.settled('c');
  const otherEnded = once(started[1]!, 'exit');
  await other.forget('c');
  await otherEnded;
  await logs.settled('b');
  assert.equal(started.length, 2);
  assert.notEqual(first!.threadId, -1, 'it runs');
});

test('a run that begins while the thread has nothing to do keeps it', async () => {
  const logs = thread(60_000);
  logs.begin('a', '/nowhere/a', TARGET);
  await logs.forget('a');
  logs.begin('b', '/nowhere/b', TARGET);
  await logs.settled('b');
  assert.equal(started.length, 1);
});
