import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createSocket } from 'node:dgram';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { once } from 'node:events';
import { readLog } from '../log-file.ts';
import type { LogTarget } from './log-pump.ts';
import { LogPumps } from './log-pumps.ts';
import { bindDatagram, closeFd, connectDatagram, recvPacket, sendPacket } from '../../kernel/socket.ts';
import type { Forwarder } from './forwarder.ts';
import { JournaldForwarder } from './journald-forwarder.ts';
import { syslogMessage, type SyslogForm } from './syslog-message.ts';
import { SyslogForwarder, type SyslogTarget } from './syslog-forwarder.ts';

const directory = mkdtempSync(join(tmpdir(), 'causeway-forward-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const TIME = '2024-05-01T10:00:00.123456789+02:00';
const FORM: SyslogForm = { format: 'rfc5424', counted: false, facility: 3, hostname: 'host', tag: 'web', pid: 7 };
const TLS = { caFile: '', certificateFile: '', keyFile: '', skipVerify: false };
const limits = { maxBytes: Infinity, maxFiles: 1, compress: false };
let last = 0;

function run(forward: NonNullable<LogTarget['forward']>, text: string, ringBytes?: number) {
  const name = join(directory, `run${++last}`);
  const target: LogTarget = {
    path: join(name, 'log'),
    format: { kind: 'plain' },
    limits,
    forward,
    ...(ringBytes !== undefined && { ringBytes }),
  };
  const warnings: string[] = [];
  const pumps = new LogPumps((_id, reason) => warnings.push(reason));
  writeFileSync(`${name}-spool`, text);
  pumps.begin('c', `${name}-spool`, target);
  return { pumps, warnings, spoolPath: `${name}-spool`, files: { path: target.path, format: 'plain' as const } };
}

async function cached(files: Parameters<typeof readLog>[0]): Promise<string> {
  const all = { stdout: true, stderr: true, follow: false, tail: -1, sinceNs: 0n, untilNs: 0n };
  let text = '';
  for await (const batch of readLog(files, all)) for (const { data } of batch) text += data.toString();
  return text;
}

test('syslog has the forms that Docker sends', () => {
  const piece = { text: Buffer.from('text'), stderr: true, time: TIME, partial: undefined };
  const say = (form: Partial<SyslogForm>) => syslogMessage({ ...FORM, ...form }, piece).toString();
  assert.equal(say({ format: 'unix' }), '<27>May  1 10:00:00 web[7]: text\n');
  assert.equal(say({ format: 'rfc3164' }), '<27>May  1 10:00:00 host web[7]: text\n');
  assert.equal(say({}), '<27>1 2024-05-01T10:00:00+02:00 host web 7 web - text\n');
  assert.equal(say({ format: 'rfc5424micro' }), '<27>1 2024-05-01T10:00:00.123456+02:00 host web 7 web - text\n');
  assert.equal(say({ counted: true }), '54 <27>1 2024-05-01T10:00:00+02:00 host web 7 web - text\n');
});

test('journald gets fields by its own protocol, also of text with newlines and of pieces of a line', async () => {
  const socketPath = join(directory, 'journal');
  const fd = bindDatagram(socketPath);
  const long = 'x'.repeat(8192);
  const { pumps, files } = run(
    { kind: 'journald', socketPath, fields: { CONTAINER_NAME: 'web', NOTE: 'two\nlines' } },
    `${TIME} stderr F one\n${TIME} stdout P ${long}\n${TIME} stdout P ${long}\n${TIME} stdout F end\n`,
  );
  await pumps.settled('c');
  const messages: Record<string, string>[] = [];
  while (messages.length < 3) messages.push(fieldsOf(await packet(fd)));
  closeFd(fd);
  const [one, first, end] = messages as [Record<string, string>, Record<string, string>, Record<string, string>];
  assert.deepEqual(one, {
    MESSAGE: 'one',
    PRIORITY: '3',
    SYSLOG_TIMESTAMP: TIME,
    CONTAINER_LOG_ORDINAL: '1',
    CONTAINER_NAME: 'web',
    NOTE: 'two\nlines',
  });
  assert.deepEqual(
    [
      first['MESSAGE'],
      first['CONTAINER_PARTIAL_ORDINAL'],
      first['CONTAINER_PARTIAL_LAST'],
      first['CONTAINER_PARTIAL_MESSAGE'],
    ],
    [long + long, '1', 'false', 'true'],
  );
  assert.deepEqual(
    [end['MESSAGE'], end['CONTAINER_PARTIAL_ORDINAL'], end['CONTAINER_PARTIAL_LAST'], end['CONTAINER_PARTIAL_MESSAGE']],
    ['end', '2', 'true', undefined],
  );
  assert.equal(end['CONTAINER_PARTIAL_ID'], first['CONTAINER_PARTIAL_ID']);
  assert.equal(await cached(files), `one\n${long}${long}end\n`);
  await pumps.forget('c');
});

/** The next one. */
async function packet(fd: number): Promise<Buffer> {
  const buffer = Buffer.alloc(256 * 1024);
  for (;;) {
    const size = recvPacket(fd, buffer);
    if (size !== undefined) return buffer.subarray(0, size);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function fieldsOf(packet: Buffer): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at < packet.length;) {
    const end = packet.indexOf(10, at);
    const line = packet.toString('utf8', at, end);
    if (line.includes('=')) {
      fields[line.slice(0, line.indexOf('='))] = line.slice(line.indexOf('=') + 1);
      at = end + 1;
    } else {
      const size = Number(packet.readBigUInt64LE(end + 1));
      fields[line] = packet.toString('utf8', end + 9, end + 9 + size);
      at = end + 9 + size + 1;
    }
  }
  return fields;
}

const syslog = (protocol: SyslogTarget['protocol'], host: string, port: number): SyslogTarget => ({
  kind: 'syslog',
  protocol,
  host,
  port,
  form: FORM,
  tls: TLS,
});
const head = (text: string, priority = 30) => `<${priority}>1 2024-05-01T10:00:00+02:00 host web 7 web - ${text}\n`;

test('syslog over TCP: a server that goes and comes back gets what is written from then on', async () => {
  let got = '';
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('data', (data) => (got += data.toString()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const { pumps, warnings, spoolPath, files } = run(
    syslog('tcp', '127.0.0.1', port),
    `${TIME} stdout F one\n${TIME} stderr F two\n${TIME} stdout F \n`,
  );
  await pumps.settled('c');
  while (!got.includes('two')) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(got, head('one') + head('two', 27), 'an empty line is no message');
  const closed = once(sockets[0]!, 'close');
  sockets[0]!.destroy();
  await closed;
  await new Promise((resolve) => server.close(resolve));
  appendFileSync(spoolPath, `${TIME} stdout F lost\n`);
  for (; warnings.length === 0; await new Promise((resolve) => setImmediate(resolve)))
    appendFileSync(spoolPath, `${TIME} stdout F lost\n`);
  await pumps.settled('c');
  assert.match(warnings[0]!, /messages are given up: syslog tcp 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  assert.match(await cached(files), /^one\ntwo\n\n(lost\n)+$/, 'what is read by logs has all of it');
  await pumps.forget('c');
});

test('certificates that are no files hold nobody: the messages are given up with the reason, other logs go on', async () => {
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  for (const [path, reason] of [
    [fifo, /fifo is no regular file/],
    ['/dev/zero', /\/dev\/zero is no regular file/],
    [directory, /is no regular file/],
    [join(directory, 'none'), /no such file or directory/],
  ] as const) {
    const target = { ...syslog('tcp+tls', '127.0.0.1', port), tls: { ...TLS, caFile: path } };
    const { pumps, warnings, files } = run(target, `${TIME} stdout F one\n`);
    await pumps.settled('c');
    while (warnings.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(warnings.length, 1, path);
    assert.match(warnings[0]!, reason);
    assert.equal(await cached(files), 'one\n');
    await pumps.forget('c');
  }
  server.close();
});

test('syslog over UDP and over the sockets of this machine', async () => {
  const udp = createSocket('udp4');
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  const message = once(udp, 'message');
  const over = run(syslog('udp', '127.0.0.1', udp.address().port), `${TIME} stdout F one\n`);
  assert.equal(String((await message)[0]), head('one'));
  await over.pumps.forget('c');
  udp.close();
  const path = join(directory, 'log.sock');
  const fd = bindDatagram(path);
  const local = run(syslog('unixgram', path, 0), `${TIME} stdout F one\n`);
  assert.equal(String(await packet(fd)), head('one'));
  closeFd(fd);
  await local.pumps.forget('c');
});

test('the copy of what is sent is rotated at the line', async () => {
  const path = join(directory, 'rotated.sock');
  const fd = bindDatagram(path);
  const name = join(directory, 'rotated');
  const lines = Array.from({ length: 200 }, (_, index) => `line ${index}`);
  const target: LogTarget = {
    path: join(name, 'log'),
    format: { kind: 'plain' },
    limits: { maxBytes: 2000, maxFiles: 3, compress: false },
    forward: syslog('unixgram', path, 0),
  };
  writeFileSync(`${name}-spool`, lines.map((line) => `${TIME} stdout F ${line}\n`).join(''));
  const pumps = new LogPumps((_id, reason) => assert.fail(reason));
  pumps.begin('c', `${name}-spool`, target);
  const buffer = Buffer.alloc(4096);
  const got: string[] = [];
  while (got.length < lines.length) {
    const size = recvPacket(fd, buffer);
    if (size === undefined) await new Promise((resolve) => setImmediate(resolve));
    else got.push(buffer.toString('utf8', 0, size));
  }
  assert.deepEqual(
    got,
    lines.map((line) => head(line)),
  );
  await pumps.settled('c');
  const kept = (await cached({ path: target.path, format: 'plain' })).trimEnd().split('\n');
  assert.deepEqual(kept, lines.slice(-kept.length));
  assert.ok(kept.length >= 60 && kept.length <= 130, String(kept.length));
  await pumps.forget('c');
  closeFd(fd);
});

test('a run that has ended is handed over to its end, and its spool is gone', async () => {
  const path = join(directory, 'end.sock');
  const fd = bindDatagram(path);
  const { pumps, spoolPath } = run(syslog('unixgram', path, 0), `${TIME} stdout F one\n${TIME} stdout P rest\n`);
  pumps.end('c');
  assert.deepEqual([String(await packet(fd)), String(await packet(fd))], [head('one'), head('rest')]);
  while (existsSync(spoolPath)) await new Promise((resolve) => setImmediate(resolve));
  await pumps.forget('c');
  closeFd(fd);
});

function openSockets(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false; // the one that the directory was read by
    }
  }).length;
}

for (const [name, make] of [
  [
    'journald',
    (socketPath: string, warn: (reason: string) => void): Forwarder =>
      new JournaldForwarder({ kind: 'journald', socketPath, fields: {} }, warn),
  ],
  [
    'syslog',
    (host: string, warn: (reason: string) => void): Forwarder =>
      new SyslogForwarder({ kind: 'syslog', protocol: 'unixgram', host, port: 0, form: FORM, tls: TLS }, warn),
  ],
] as const) {
  test(`${name}: what is not wanted any more is sent nowhere, and no socket stays open`, async () => {
    const path = join(directory, `${name}-full`);
    const full = bindDatagram(path);
    const filler = connectDatagram(path);
    while (sendPacket(filler, Buffer.from('filler')));
    const elsewhere = bindDatagram(join(directory, `${name}-elsewhere`));
    const before = openSockets();
    const piece = { text: Buffer.from('text'), stderr: false, time: TIME, partial: undefined };
    for (const closedWhile of ['connecting', 'sending']) {
      const warnings: string[] = [];
      const forwarder = make(path, (reason) => warnings.push(reason));
      const sending = forwarder.send([piece, piece]);
      if (closedWhile === 'sending') await new Promise((resolve) => setImmediate(resolve));
      forwarder.close();
      // It gets the number of the descriptor that was closed.
      const next = connectDatagram(join(directory, `${name}-elsewhere`));
      await sending;
      assert.equal(recvPacket(elsewhere, Buffer.alloc(1024)), undefined, closedWhile);
      assert.deepEqual(warnings, [], closedWhile);
      closeFd(next);
      assert.equal(openSockets(), before, closedWhile);
    }
    for (const fd of [full, filler, elsewhere]) closeFd(fd);
  });
}

/** A server that reads nothing until it is told to, and what it has got then. */
async function slowServer(name: string) {
  const path = join(directory, name);
  const connections: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => connections.push(socket)).listen(path);
  let text = '';
  let wake = () => {};
  return {
    target: { kind: 'syslog', protocol: 'unix', host: path, port: 0, form: FORM, tls: TLS } satisfies SyslogTarget,
    got: () => [...text.matchAll(/web - (\d+) /g)].map(([, index]) => Number(index)),
    read() {
      for (const socket of connections) {
        socket.on('data', (data) => {
          text += data.toString();
          wake();
        });
        socket.resume();
      }
    },
    async until(isSo: () => boolean) {
      while (!isSo()) await new Promise<void>((resolve) => (wake = resolve));
    },
    end() {
      for (const socket of connections) socket.destroy();
      server.close();
    },
  };
}

/** Lines with a number, 8000 bytes each. */
const numbered = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `${TIME} stdout F ${from + index} ${'x'.repeat(8000)}\n`).join('');

test('mode non-blocking: a slow server misses the newest of what does not fit, which is told; the log has all', async () => {
  const server = await slowServer('slow');
  const lines = 500; // more than the kernel and the buffer keep
  const { pumps, warnings, files, spoolPath } = run(server.target, numbered(0, lines), 1_000_000);
  await pumps.settled('c');
  assert.equal((await cached(files)).split('\n').length, lines + 1, 'nobody waits for the server');
  assert.match(warnings[0]!, /^messages are dropped: the buffer of 1000000 bytes is full \(mode=non-blocking\)$/);
  server.read();
  // What comes behind a gap is sent, as soon as there is room.
  let next = lines;
  while (!server.got().some((index) => index >= lines)) {
    appendFileSync(spoolPath, numbered(next, next + 1));
    next++;
    await pumps.settled('c');
  }
  const got = server.got();
  const kept = got.filter((index) => index < lines);
  assert.deepEqual(
    got,
    [...got].sort((a, b) => a - b),
  );
  assert.deepEqual(
    kept,
    kept.map((_, index) => index),
    'the oldest were kept',
  );
  assert.ok(kept.length >= 1_000_000 / 8010 - 1 && kept.length < lines, String(kept.length));
  await pumps.forget('c');
  server.end();
});

test('mode non-blocking: what waits when a container ends is still sent; a blocking one loses nothing at all', async () => {
  for (const ringBytes of [1_000_000, undefined]) {
    const server = await slowServer(`end-${ringBytes}`);
    const lines = ringBytes === undefined ? 500 : 100;
    const { pumps, warnings, spoolPath } = run(server.target, numbered(0, lines), ringBytes);
    pumps.end('c');
    await pumps.settled('c');
    assert.equal(existsSync(spoolPath), ringBytes === undefined, 'the spool keeps what only waits there');
    server.read();
    await server.until(() => server.got().length === lines);
    assert.deepEqual(
      server.got(),
      Array.from({ length: lines }, (_, index) => index),
    );
    assert.deepEqual(warnings, []);
    server.end();
  }
});
