/** The thread of the logs, as the daemon has it (`npm run build`): when there is one, and that nothing is lost by its ends. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { readLog } from '../../src/oci/log-file.ts';
import type { LogTarget } from '../../src/oci/logs/log-pump.ts';
import { HOLD_BYTES } from '../../src/oci/logs/log-sender.ts';
import { LogThread, type LogNewsItem } from '../../src/oci/logs/log-thread.ts';

const PROGRAM = join(import.meta.dirname, '../../dist/logs.mjs');
const directory = mkdtempSync(join(tmpdir(), 'causeway-log-thread-'));
after(() => rmSync(directory, { recursive: true, force: true }));
/** Threads and their timers keep no process from ending. */
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));
const TIME = '2024-05-01T10:00:00.123456789+02:00';
const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
let last = 0;

const lines = (from: number, to: number, size = 10): string =>
  Array.from({ length: to - from }, (_, index) => `${TIME} stdout F ${from + index} ${'x'.repeat(size)}\n`).join('');
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

/** A daemon whose thread is ended as soon as it has nothing to do. */
function daemon() {
  const threads: Worker[] = [];
  let ended = 0;
  let refusals = 0;
  const warnings: string[] = [];
  const thread = new LogThread({
    log: { error: (facts: unknown) => void warnings.push(JSON.stringify(facts)) },
    warn: (_id, reason) => {
      // After ten seconds, which a test may take on a busy machine.
      if (!reason.endsWith('takes nothing, and is waited for')) warnings.push(reason);
    },
    start() {
      const worker = new Worker(PROGRAM, { execArgv: [] });
      worker.on('exit', () => ended++);
      worker.on('message', (news: LogNewsItem) => (refusals += 'rested' in news && !news.isIdle ? 1 : 0));
      threads.push(worker);
      return worker;
    },
    idleMs: 0,
  });
  return { thread, threads, warnings, ended: () => ended, refusals: () => refusals };
}

function container(target: Partial<LogTarget> = {}) {
  const dir = join(directory, `c${++last}`);
  mkdirSync(dir);
  const limits = { maxBytes: Infinity, maxFiles: 1, compress: false };
  const whole: LogTarget = { path: join(dir, 'log'), format: { kind: 'plain' }, limits, ...target };
  let runs = 0;
  return {
    id: `container ${last}`,
    dir,
    target: whole,
    run(text: string): string {
      const spool = join(dir, `spool-${++runs}`);
      writeFileSync(spool, text);
      return spool;
    },
    async logged(): Promise<number[]> {
      const all = { stdout: true, stderr: true, follow: false, tail: -1, sinceNs: 0n, untilNs: 0n };
      let log = '';
      for await (const batch of readLog({ path: whole.path, format: 'plain' }, all))
        for (const { data } of batch) log += data.toString();
      return [...log.matchAll(/^(\d+) x*$/gm)].map(([, index]) => Number(index));
    },
  };
}

/** A server that takes nothing until `take`. */
function stuckServer(t: TestContext) {
  const path = join(directory, `server${++last}`);
  const sockets: Socket[] = [];
  const got = new Set<number>();
  let takes = false;
  const read = (socket: Socket): void => {
    let rest = '';
    socket.on('data', (data) => {
      const all = (rest + data.toString()).split('\n');
      rest = all.pop()!;
      for (const line of all) got.add(Number(/web - (\d+) x+$/.exec(line)?.[1]));
    });
    socket.resume();
  };
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.push(socket);
    if (takes) read(socket);
  }).listen(path);
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const form = { format: 'rfc5424', counted: false, facility: 3, hostname: 'host', tag: 'web', pid: 7 } as const;
  const tls = { caFile: '', certificateFile: '', keyFile: '', skipVerify: false };
  return {
    forward: { kind: 'syslog', protocol: 'unix', host: path, port: 0, form, tls } as const,
    take() {
      takes = true;
      for (const socket of sockets) read(socket);
    },
    got,
  };
}

test('there is no thread until a container runs, and none when all of it is stored; the next run has another one', async () => {
  const { thread, threads, ended, warnings } = daemon();
  const { id, target, run, logged } = container();
  await thread.settled(id);
  await thread.forget(id);
  assert.equal(threads.length, 0);
  for (const round of [0, 1, 2]) {
    thread.begin(id, run(lines(round * 10, round * 10 + 10)), target);
    thread.end(id);
    while (ended() <= round) await turn();
    await thread.settled(id); // asks nobody
    assert.equal(threads.length, round + 1);
    assert.deepEqual(await logged(), numbers(0, round * 10 + 10));
  }
  await thread.forget(id);
  assert.deepEqual([threads.length, warnings], [3, []]);
});

test('what begins while a thread is about to be ended is stored, over very many of such moments', async () => {
  const { thread, threads, ended, warnings } = daemon();
  const { id, target, run, logged } = container();
  const other = container();
  for (let round = 0; round < 60; round++) {
    thread.begin(id, run(lines(round * 10, round * 10 + 10)), target);
    thread.end(id);
    if (round % 2 === 0) await thread.settled(id);
    else for (let turns = 0; turns < round; turns++) await new Promise((resolve) => setImmediate(resolve));
  }
  thread.begin(other.id, other.run(lines(0, 10)), other.target);
  await thread.settled(other.id);
  await thread.settled(id);
  assert.deepEqual(await logged(), numbers(0, 600));
  assert.deepEqual(await other.logged(), numbers(0, 10));
  await thread.forget(other.id);
  while (ended() < threads.length) await turn();
  assert.deepEqual(warnings, []);
});

test('a container that runs and is silent keeps its thread', async () => {
  const { thread, threads, ended } = daemon();
  const silent = container();
  const spool = silent.run('');
  thread.begin(silent.id, spool, silent.target);
  for (let round = 0; round < 5; round++) {
    const { id, target, run, logged } = container();
    thread.begin(id, run(lines(0, 10)), target);
    thread.end(id);
    await thread.settled(id);
    assert.deepEqual(await logged(), numbers(0, 10));
    await thread.forget(id);
  }
  writeFileSync(spool, lines(0, 10), { flag: 'a' });
  await thread.settled(silent.id);
  assert.deepEqual([await silent.logged(), threads.length, ended()], [numbers(0, 10), 1, 0]);
  await thread.forget(silent.id);
  while (ended() < 1) await turn();
});

for (const ringBytes of [undefined, 10_000_000])
  test(`a thread goes on until a log server has taken everything of containers that have ended (${ringBytes ? 'non-blocking' : 'blocking'})`, async (t) => {
    const server = stuckServer(t);
    const { thread, threads, ended, refusals, warnings } = daemon();
    const { id, target, run, logged } = container({ forward: server.forward, ...(ringBytes && { ringBytes }) });
    thread.begin(id, run(lines(0, 500, 8000)), target);
    thread.end(id);
    await thread.settled(id);
    assert.deepEqual(await logged(), numbers(0, 500));
    // The ring is not part of what is to be done over again by another thread: only the thread knows of it.
    if (ringBytes) while (refusals() < 3) await turn();
    server.take();
    while (ended() === 0) await turn();
    while (server.got.size < 500) await turn();
    assert.deepEqual([[...server.got], threads.length, warnings], [numbers(0, 500), 1, []]);
  });

test('a thread that compresses is not ended over it', async () => {
  const { thread, threads, ended, warnings } = daemon();
  const limits = { maxBytes: 3_000_000, maxFiles: 3, compress: true };
  const { id, dir, target, run, logged } = container({ limits });
  thread.begin(id, run(lines(0, 800, 8000)), target);
  thread.end(id);
  while (ended() === 0) await turn();
  assert.deepEqual(await logged(), numbers(0, 800));
  assert.deepEqual(readdirSync(dir).sort(), ['log', 'log.1.gz', 'log.2.gz'], 'all of it was done');
  assert.deepEqual([threads.length, warnings], [1, []]);
});

test('containers that are held go on when the thread is gone, are held again by the next one, and lose nothing', async (t) => {
  const server = stuckServer(t);
  const { thread, threads, warnings } = daemon();
  const holds: boolean[] = [];
  const { id, target, run, logged } = container({ forward: server.forward });
  const count = Math.ceil(HOLD_BYTES / 8000) + 200;
  thread.onHold((held, isHeld) => (assert.equal(held, id), holds.push(isHeld)));
  thread.begin(id, run(lines(0, count, 8000)), target);
  while (holds.length < 1) await turn();
  await threads[0]!.terminate();
  while (holds.length < 3) await turn();
  assert.deepEqual(holds, [true, false, true]);
  thread.end(id);
  server.take();
  while (server.got.size < count) await turn();
  while (holds.length < 4) await turn();
  assert.deepEqual(holds, [true, false, true, false]);
  await thread.settled(id);
  assert.deepEqual([await logged(), threads.length, warnings], [numbers(0, count), 2, []]);
});
