import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { readLog } from '../log-file.ts';
import type { LogTarget } from './log-pump.ts';
import type { Forwarder } from './forwarder.ts';
import { LogPumps } from './log-pumps.ts';
import { LogSender } from './log-sender.ts';

const directory = mkdtempSync(join(tmpdir(), 'causeway-sender-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const TIME = '2024-05-01T10:00:00.123456789+02:00';
const TLS = { caFile: '', certificateFile: '', keyFile: '', skipVerify: false };
const turn = () => new Promise((resolve) => setImmediate(resolve));
let last = 0;

/** Lines with a number, some 8000 bytes each. */
const numbered = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `${TIME} stdout F ${from + index} ${'x'.repeat(8000)}\n`).join('');
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

/** Said after ten seconds, which a test may take on a busy machine. */
const isSlow = (reason: string): boolean => reason.endsWith('takes nothing, and is waited for');

/** A container whose output goes to a server that takes nothing until `take`, and to a log. */
function container(t: TestContext, target: Partial<LogTarget> = {}) {
  const dir = join(directory, `c${++last}`);
  const [socketPath, spoolPath] = [join(dir, 'server'), join(dir, 'spool-1')];
  mkdirSync(dir);
  const connections: Socket[] = [];
  let text = '';
  let takes = false;
  const read = (socket: Socket) => void socket.on('data', (data) => (text += data.toString())).resume();
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    connections.push(socket);
    if (takes) read(socket);
  }).listen(socketPath);
  const form = { format: 'rfc5424', counted: false, facility: 3, hostname: 'host', tag: 'web', pid: 7 } as const;
  const whole: LogTarget = {
    path: join(dir, 'log'),
    format: { kind: 'plain' },
    limits: { maxBytes: Infinity, maxFiles: 1, compress: false },
    forward: { kind: 'syslog', protocol: 'unix', host: socketPath, port: 0, form, tls: TLS },
    ...target,
  };
  const warnings: string[] = [];
  const holds: boolean[] = [];
  const daemon = (holdBytes = 1 << 30) =>
    new LogPumps((_id, reason) => isSlow(reason) || warnings.push(reason), {
      hold: (_id, isHeld) => holds.push(isHeld),
      holdBytes,
    });
  t.after(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  return {
    dir,
    spoolPath,
    target: whole,
    warnings,
    holds,
    daemon,
    connections,
    got: () => [...text.matchAll(/web - (\d+) x{8000}\n/g)].map(([, index]) => Number(index)),
    take() {
      takes = true;
      for (const socket of connections) read(socket);
    },
    async logged(): Promise<number[]> {
      const all = { stdout: true, stderr: true, follow: false, tail: -1, sinceNs: 0n, untilNs: 0n };
      let log = '';
      for await (const batch of readLog({ path: whole.path, format: 'plain' }, all))
        for (const { data } of batch) log += data.toString();
      return [...log.matchAll(/^(\d+) x{8000}$/gm)].map(([, index]) => Number(index));
    },
  };
}

test('a server that takes nothing keeps no line from the log, and gets each one when it takes', async (t) => {
  const { spoolPath, target, daemon, logged, got, take, warnings, dir } = container(t);
  writeFileSync(spoolPath, numbered(0, 500)); // far more than the kernel keeps for it
  const pumps = daemon();
  pumps.begin('c', spoolPath, target);
  pumps.end('c');
  await pumps.settled('c');
  assert.deepEqual(await logged(), numbers(0, 500));
  take();
  while (got().length < 500) await turn();
  assert.deepEqual(got(), numbers(0, 500));
  while (existsSync(spoolPath)) await turn();
  await turn();
  assert.deepEqual(readdirSync(dir).sort(), ['log', 'server'], 'nothing of the run is left');
  assert.deepEqual(warnings, []);
});

test('a daemon that ends while a server takes nothing: the next one sends the rest, and stores nothing twice', async (t) => {
  const { spoolPath, target, daemon, logged, got, take, connections } = container(t);
  writeFileSync(spoolPath, numbered(0, 300));
  const first = daemon();
  first.begin('c', spoolPath, target);
  await first.settled('c');
  while (connections.length === 0) await turn();
  await first.forget('c');
  appendFileSync(spoolPath, numbered(300, 400));
  const second = daemon();
  second.begin('c', spoolPath, target);
  second.end('c');
  await second.settled('c');
  assert.deepEqual(await logged(), numbers(0, 400));
  take();
  while (existsSync(spoolPath)) await turn();
  while (!got().includes(399)) await turn();
  assert.deepEqual(
    [...new Set(got())].sort((a, b) => a - b),
    numbers(0, 400),
  );
  assert.deepEqual(await logged(), numbers(0, 400));
});

test('what another program has taken is given back to the disk, not what has only been stored', async (t) => {
  const { spoolPath, target, daemon, got, take } = container(t);
  writeFileSync(spoolPath, numbered(0, 500));
  const pumps = daemon();
  pumps.begin('c', spoolPath, target);
  await pumps.settled('c');
  const used = (): number => statSync(spoolPath).blocks * 512;
  assert.ok(used() > 3_000_000, String(used()));
  take();
  while (got().length < 500 || used() > 500_000) await turn();
  await pumps.forget('c');
});

test('a container is held back while too much waits for a server, and goes on when half of it is taken', async (t) => {
  const { spoolPath, target, daemon, holds, got, take } = container(t);
  writeFileSync(spoolPath, numbered(0, 100));
  const pumps = daemon(1_500_000);
  pumps.begin('c', spoolPath, target);
  await pumps.settled('c');
  assert.deepEqual(holds, []);
  appendFileSync(spoolPath, numbered(100, 400));
  await pumps.settled('c');
  assert.deepEqual(holds, [true]);
  take();
  while (got().length < 400) await turn();
  while (holds.length < 2) await turn();
  assert.deepEqual(holds, [true, false]);
  appendFileSync(spoolPath, numbered(400, 401));
  while (got().length < 401) await turn();
  await pumps.forget('c');
  assert.deepEqual(holds, [true, false]);
});

test('a container that is removed while its server takes nothing is let go, and its files are not touched any more', async (t) => {
  const { spoolPath, target, daemon, holds, dir } = container(t);
  writeFileSync(spoolPath, numbered(0, 400));
  const pumps = daemon(1_000_000);
  pumps.begin('c', spoolPath, target);
  await pumps.settled('c');
  assert.deepEqual(holds, [true]);
  await pumps.forget('c');
  assert.deepEqual(holds, [true, false]);
  rmSync(dir, { recursive: true });
  for (let turns = 0; turns < 20; turns++) await turn();
  assert.equal(existsSync(dir), false);
});

test('runs that have ended are given up, the oldest first and with their size, where far too much waits', async (t) => {
  const { dir, target, daemon, warnings, got, take, logged } = container(t);
  const pumps = daemon(200_000);
  for (let run = 0; run < 10; run++) {
    const spoolPath = join(dir, `spool-${run}`);
    writeFileSync(spoolPath, numbered(run * 100, run * 100 + 100));
    pumps.begin('c', spoolPath, target);
    pumps.end('c');
    await pumps.settled('c');
  }
  assert.deepEqual(await logged(), numbers(0, 1000));
  assert.match(warnings[0]!, /^80\d{4} bytes of a run that has ended are not sent: too much waits for the log server$/);
  assert.ok(readdirSync(dir).filter((name) => /^spool-\d+$/.test(name)).length <= 3);
  take();
  while (!got().includes(999)) await turn();
  assert.deepEqual(
    got(),
    [...got()].sort((a, b) => a - b),
  );
  assert.deepEqual(got().slice(0, 100), numbers(0, 100));
});

test('a file that conmon begins anew is sent to its end, also by the next daemon', async (t) => {
  for (const restarts of [false, true]) {
    const { spoolPath, target, daemon, logged, got, take, warnings, dir } = container(t);
    writeFileSync(spoolPath, numbered(0, 300));
    let pumps = daemon();
    pumps.begin('c', spoolPath, target);
    await pumps.settled('c');
    writeFileSync(`${spoolPath}.tmp`, numbered(300, 310));
    renameSync(`${spoolPath}.tmp`, spoolPath);
    await pumps.settled('c');
    while ((await logged()).length < 310) await turn();
    if (restarts) {
      await pumps.forget('c');
      pumps = daemon();
      pumps.begin('c', spoolPath, target);
    }
    appendFileSync(spoolPath, numbered(310, 320));
    pumps.end('c');
    await pumps.settled('c');
    assert.deepEqual(await logged(), numbers(0, 320));
    take();
    while (existsSync(spoolPath)) await turn();
    while (!got().includes(319)) await turn();
    assert.deepEqual(
      [...new Set(got())].sort((a, b) => a - b),
      numbers(0, 320),
    );
    await turn();
    assert.deepEqual(readdirSync(dir).sort(), ['log', 'server']);
    assert.deepEqual(warnings, []);
  }
});

test('a file that conmon begins anew while nobody reads it is told, with what is known to be lost', async () => {
  const dir = join(directory, `c${++last}`);
  mkdirSync(dir);
  const spoolPath = join(dir, 'spool-1');
  const warnings: string[] = [];
  const limits = { maxBytes: Infinity, maxFiles: 1, compress: false };
  const target: LogTarget = { path: join(dir, 'log'), format: { kind: 'plain' }, limits, spoolBytes: 10_000 };
  const text = `${TIME} stdout F one\n`;
  writeFileSync(spoolPath, text);
  for (let daemons = 0; daemons < 2; daemons++) {
    const pumps = new LogPumps((_id, reason) => warnings.push(reason));
    pumps.begin('c', spoolPath, target);
    await pumps.settled('c');
    await pumps.forget('c');
    writeFileSync(`${spoolPath}.tmp`, text);
    renameSync(`${spoolPath}.tmp`, spoolPath);
  }
  assert.deepEqual(warnings, [
    "the output's file was begun anew before all of it was read (1): at least 10000 bytes are in no log",
  ]);
});

test('short lines wait for a program a few at a time, and all of them come to it in order', async () => {
  const spoolPath = join(directory, `spool-${++last}`);
  const count = 20_000;
  writeFileSync(spoolPath, Array.from({ length: count }, (_, i) => `${TIME} stdout F ${i}\n`).join(''));
  const got: string[] = [];
  let most = 0;
  await new Promise<void>((resolve) => {
    const forwarder: Forwarder = {
      send: async (pieces) => {
        most = Math.max(most, pieces.length);
        got.push(...pieces.map(({ text }) => text.toString()));
      },
      close: () => {},
    };
    const needs = { warn: assert.fail, hold: () => {}, done: resolve, holdBytes: 1 << 30 };
    new LogSender(forwarder, needs).stored(spoolPath, undefined);
  });
  assert.deepEqual(
    got,
    Array.from({ length: count }, (_, i) => `${i}`),
  );
  assert.ok(most <= 256, `${most} lines in memory at once`);
});
