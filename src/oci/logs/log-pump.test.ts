import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { readLog } from '../log-file.ts';
import type { LogQuery } from '../../model/streams.ts';
import { LogPump, type LogTarget } from './log-pump.ts';
import { LogPumps } from './log-pumps.ts';
import type { LogFiles } from './log-segments.ts';

const directory = mkdtempSync(join(tmpdir(), 'causeway-pump-'));
after(() => rmSync(directory, { recursive: true, force: true }));
let last = 0;
const ENDLESS = { maxBytes: Infinity, maxFiles: 1, compress: false };
const ALL: LogQuery = { stdout: true, stderr: true, follow: false, tail: -1, sinceNs: 0n, untilNs: 0n };
const TIME = '2024-05-01T10:00:00.120000000+02:00';

/** A container's directory: where conmon writes, and where its log is. */
function place(limits: LogTarget['limits'] = ENDLESS, format: LogTarget['format'] = { kind: 'json', attrs: '' }) {
  const dir = join(directory, `c${++last}`);
  const spoolPath = `${dir}-spool-1`;
  writeFileSync(spoolPath, '');
  const target: LogTarget = { path: join(dir, 'log'), format, limits };
  const files: LogFiles = { path: target.path, format: format.kind === 'json' ? 'json' : 'plain' };
  return { dir, spoolPath, target, files };
}

/** As conmon writes it: 8 KiB at most in a record. */
function conmon(text: Buffer | string, stream = 'stdout', time = TIME): Buffer {
  const bytes = Buffer.from(text);
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const limit = Math.min(at + 8192, bytes.length);
    const newline = bytes.subarray(at, limit).indexOf(10);
    const end = newline < 0 ? limit : at + newline;
    records.push(
      Buffer.from(`${time} ${stream} ${newline < 0 ? 'P' : 'F'} `),
      bytes.subarray(at, end),
      Buffer.from('\n'),
    );
    at = newline < 0 ? end : end + 1;
  }
  return Buffer.concat(records);
}

function drain(pump: LogPump): void {
  while (pump.turn() === 'more');
}

async function read(files: LogFiles, options: Partial<LogQuery> = {}): Promise<string[]> {
  const seen: string[] = [];
  for await (const batch of readLog(files, { ...ALL, ...options }))
    for (const { stream, data } of batch) seen.push(`${stream === 'stdout' ? 'o' : 'e'}:${data.toString()}`);
  return seen;
}

test('json-file is one object a line, as Docker writes it', () => {
  const { spoolPath, target } = place(ENDLESS, { kind: 'json', attrs: '{"tag":"web"}' });
  writeFileSync(
    spoolPath,
    Buffer.concat([
      conmon('plain\n'),
      conmon('"<&>\\ \t\r\u2028\u001b[1m grüße €😀\n', 'stderr'),
      conmon(Buffer.from([0x61, 0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0xe2, 0x82, 0x62, 0x0a])),
      conmon('no newline', 'stdout', '2024-05-01T10:00:00.000000000+02:00'),
    ]),
  );
  const pump = new LogPump(target);
  pump.add(spoolPath);
  pump.end();
  drain(pump);
  const bad = '\\ufffd';
  assert.deepEqual(readFileSync(target.path, 'utf8').split('\n'), [
    '{"log":"plain\\n","stream":"stdout","attrs":{"tag":"web"},"time":"2024-05-01T08:00:00.12Z"}',
    '{"log":"\\"\\u003c\\u0026\\u003e\\\\ \\u0009\\r\\u2028\\u001b[1m grüße €😀\\n","stream":"stderr","attrs":{"tag":"web"},"time":"2024-05-01T08:00:00.12Z"}',
    `{"log":"a${bad.repeat(8)}b\\n","stream":"stdout","attrs":{"tag":"web"},"time":"2024-05-01T08:00:00.12Z"}`,
    '{"log":"no newline","stream":"stdout","attrs":{"tag":"web"},"time":"2024-05-01T08:00:00Z"}',
    '',
  ]);
  assert.equal(existsSync(spoolPath), false);
});

test('a run without output has a log, and leaves nothing else; what another one writes comes to the same log', () => {
  const { dir, spoolPath, target } = place();
  const pump = new LogPump(target);
  pump.add(spoolPath);
  assert.equal(pump.turn(), 'idle');
  assert.deepEqual(readdirSync(dir), ['log']);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.startsWith(basename(spoolPath))),
    [basename(spoolPath)],
    'no place is kept of it',
  );
  const next = `${dir}-spool-2`;
  writeFileSync(next, conmon('second\n'));
  pump.add(next);
  drain(pump);
  assert.equal(existsSync(spoolPath), false);
  assert.match(readFileSync(target.path, 'utf8'), /^\{"log":"second\\n"[^\n]*\n$/);
  writeFileSync(next, '');
  pump.end();
  drain(pump);
  assert.deepEqual(readdirSync(dir), ['log']);
});

test('whatever a container writes comes back, in pieces of 16 KiB', async () => {
  const chunk = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => Buffer.from(`${text}\n`)),
    fc.nat({ max: 50_000 }).map((size) => Buffer.alloc(size, 'x')),
    fc.constant(Buffer.from('\n')),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 12 }), fc.constantFrom('json', 'plain'), async (chunks, kind) => {
      const { spoolPath, target, files } = place(ENDLESS, kind === 'json' ? { kind, attrs: '' } : { kind: 'plain' });
      const text = Buffer.concat(chunks);
      writeFileSync(spoolPath, conmon(text));
      const pump = new LogPump(target);
      pump.add(spoolPath);
      pump.end();
      drain(pump);
      const seen: Buffer[] = [];
      for await (const batch of readLog(files, ALL)) for (const { data } of batch) seen.push(data);
      const back = Buffer.concat(seen);
      assert.ok(kind === 'plain' ? back.equals(text) : back.toString() === lossy(text));
      if (kind === 'plain') assert.ok(seen.every(({ length }) => length <= 16 * 1024 + 1));
    }),
    { numRuns: 60 },
  );
});

/** Each byte that is no UTF-8 as one U+FFFD, and pieces of 16 KiB apart, as Docker has it. */
function lossy(bytes: Buffer): string {
  let text = '';
  for (const line of splitLines(bytes))
    for (let at = 0; at < line.length; at += 16 * 1024) text += eachByte(line.subarray(at, at + 16 * 1024));
  return text;
}

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const newline = bytes.indexOf(10, at);
    const end = newline < 0 ? bytes.length : newline + 1;
    lines.push(bytes.subarray(at, end));
    at = end;
  }
  return lines;
}

function eachByte(bytes: Buffer): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text = '';
  for (let at = 0; at < bytes.length;) {
    let size = 0;
    for (const length of [1, 2, 3, 4]) {
      if (at + length > bytes.length) break;
      try {
        const char = decoder.decode(bytes.subarray(at, at + length));
        if ([...char].length === 1) size = length;
        text += char;
        break;
      } catch {
        // longer, or none
      }
    }
    if (size === 0) text += '\ufffd';
    at += Math.max(1, size);
  }
  return text;
}

test('a log is rotated between two lines, the oldest goes, and the rest is read in order', async () => {
  const { spoolPath, target, files, dir } = place({ maxBytes: 1000, maxFiles: 3, compress: false });
  const lines = Array.from({ length: 100 }, (_, number) => `line ${number}`);
  writeFileSync(spoolPath, conmon(`${lines.join('\n')}\n`));
  const pump = new LogPump(target);
  pump.add(spoolPath);
  pump.end();
  drain(pump);
  assert.deepEqual(readdirSync(dir).sort(), ['log', 'log.1', 'log.2']);
  for (const name of readdirSync(dir)) assert.ok(statSync(join(dir, name)).size < 1100);
  const seen = await read(files);
  assert.deepEqual(
    seen,
    lines.slice(-seen.length).map((line) => `o:${line}\n`),
  );
  assert.ok(seen.length > 20);
  for (const tail of [1, 7, 13, 25]) assert.deepEqual(await read(files, { tail }), seen.slice(-tail), `tail ${tail}`);
  assert.deepEqual(await read(files, { tail: 10_000 }), seen);
});

test('a log is rotated at the line, in one batch too, and with compression', async () => {
  const limits = { maxBytes: 2000, maxFiles: 3 };
  const lines = Array.from({ length: 500 }, (_, number) => `line ${String(number).padStart(3, '0')}`);
  for (const kind of ['json', 'plain'] as const) {
    const seen: string[][] = [];
    for (const compress of [false, true]) {
      const at = place({ ...limits, compress }, kind === 'json' ? { kind, attrs: '' } : { kind });
      writeFileSync(at.spoolPath, conmon(`${lines.join('\n')}\n`));
      const pump = new LogPump(at.target);
      pump.add(at.spoolPath);
      drain(pump);
      for (const name of readdirSync(at.dir)) assert.ok(statSync(join(at.dir, name)).size < 2100, name);
      while (readdirSync(at.dir).some((name) => (compress && /\.\d$/.test(name)) || name.endsWith('tmp')))
        await new Promise((resolve) => setImmediate(resolve));
      const suffix = compress ? '.gz' : '';
      assert.deepEqual(readdirSync(at.dir).sort(), ['log', `log.1${suffix}`, `log.2${suffix}`]);
      seen.push(await read(at.files));
      pump.close();
    }
    assert.ok(seen[0]!.length > 50);
    assert.deepEqual(
      seen[0],
      lines.slice(-seen[0]!.length).map((line) => `o:${line}\n`),
    );
    assert.deepEqual(seen[1], seen[0]);
  }
});

test('a file that has become full is rotated when the next line comes, not before', async () => {
  const { spoolPath, target, files } = place({ maxBytes: 1000, maxFiles: 1, compress: false });
  const pump = new LogPump(target);
  pump.add(spoolPath);
  appendFileSync(spoolPath, conmon(`${'x'.repeat(1000)}\n`));
  drain(pump);
  assert.deepEqual(await read(files), [`o:${'x'.repeat(1000)}\n`]);
  pump.recover();
  drain(pump);
  assert.deepEqual(await read(files), [`o:${'x'.repeat(1000)}\n`]);
  appendFileSync(spoolPath, conmon('next\n'));
  drain(pump);
  assert.deepEqual(await read(files), ['o:next\n']);
  pump.close();
});

test('who follows a log reads each line once, however far it is behind and whatever is compressed meanwhile', async () => {
  for (const compress of [false, true]) {
    const { spoolPath, target, files, dir } = place({ maxBytes: 3000, maxFiles: 1000, compress });
    const pump = new LogPump(target);
    pump.add(spoolPath);
    let ended!: () => void;
    const control = { ended: new Promise<void>((resolve) => (ended = resolve)) };
    const expected: string[] = [];
    const write = (count: number) => {
      const more = Array.from({ length: count }, (_, index) => `line ${expected.length + index}`);
      expected.push(...more);
      appendFileSync(spoolPath, conmon(`${more.join('\n')}\n`));
      drain(pump);
    };
    write(10);
    const seen: string[] = [];
    let rounds = 0;
    for await (const batch of readLog(files, { ...ALL, follow: true }, control)) {
      for (const { data } of batch) seen.push(data.toString().trimEnd());
      if (seen.length < expected.length) continue;
      if (++rounds > 6) ended();
      else write(rounds * 100); // several files become full before it looks again
      while (compress && readdirSync(dir).some((name) => /\.\d+$/.test(name)))
        await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(seen, expected);
    pump.close();
  }
});

test('full ones are compressed, and read all the same', async () => {
  const { spoolPath, target, files, dir } = place({ maxBytes: 1000, maxFiles: 4, compress: true });
  const pumps = new LogPumps((_id, reason) => assert.fail(reason));
  const lines: string[] = [];
  pumps.begin('c', spoolPath, target);
  for (let round = 0; round < 3; round++) {
    const more = Array.from({ length: 20 }, (_, number) => `line ${round} ${number}`);
    appendFileSync(spoolPath, conmon(`${more.join('\n')}\n`));
    lines.push(...more);
    await pumps.settled('c');
    for (const end = Date.now() + 60_000; readdirSync(dir).some((name) => /\.\d$|tmp$/.test(name)) && Date.now() < end;)
      await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const packed = readdirSync(dir).filter((name) => name.endsWith('.gz'));
  assert.ok(packed.length > 0, readdirSync(dir).join());
  assert.match(gunzipSync(readFileSync(join(dir, packed[0]!))).toString(), /^\{"log":"line /);
  const seen = await read(files);
  assert.deepEqual(
    seen,
    lines.slice(-seen.length).map((line) => `o:${line}\n`),
  );
  assert.deepEqual(await read(files, { tail: 30 }), seen.slice(-30));
  await pumps.forget('c');
});

test('a pump that dies at any moment, and is followed by another, loses and repeats nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat({ max: 40_000 }), fc.constantFrom('stdout', 'stderr'), fc.boolean()), { maxLength: 30 }),
      fc.constantFrom(ENDLESS, { maxBytes: 30_000, maxFiles: 1000, compress: false }),
      async (writes, limits) => {
        const { spoolPath, target, files } = place(limits);
        let pump: LogPump | undefined;
        const texts = { stdout: '', stderr: '' };
        for (const [index, [size, stream, dies]] of writes.entries()) {
          const text = `${index} ${'y'.repeat(size)}${size % 3 === 0 ? '' : '\n'}`;
          texts[stream as 'stdout' | 'stderr'] += text;
          appendFileSync(spoolPath, conmon(text, stream));
          if (!pump) {
            pump = new LogPump(target);
            pump.add(spoolPath);
          }
          for (let turns = index % 4; turns > 0 && pump.turn() === 'more'; turns--);
          if (dies) pump = void pump.recover() as undefined; // what it knew is gone; its files stay
        }
        pump = new LogPump(target);
        pump.add(spoolPath);
        pump.end();
        drain(pump);
        for (const stream of ['stdout', 'stderr'] as const) {
          const seen: Buffer[] = [];
          for await (const batch of readLog(files, { ...ALL, [stream === 'stdout' ? 'stderr' : 'stdout']: false }))
            for (const { data } of batch) seen.push(data);
          assert.equal(Buffer.concat(seen).toString(), texts[stream]);
        }
      },
    ),
    { numRuns: 40 },
  );
});

test('what has been stored is given back to the disk while the container writes on', () => {
  const { spoolPath, target } = place();
  const pump = new LogPump(target);
  pump.add(spoolPath);
  const megabyte = conmon(`${'z'.repeat(1023)}\n`.repeat(1024));
  for (let round = 0; round < 8; round++) {
    appendFileSync(spoolPath, megabyte);
    drain(pump);
  }
  const { size, blocks } = statSync(spoolPath);
  assert.ok(size > 8 * 1024 ** 2 && blocks * 512 < 3 * 1024 ** 2, `${size} ${blocks * 512}`);
  pump.close();
});

test('a run that follows comes behind the one before it, which had not been stored yet', async () => {
  const { spoolPath, target, files } = place();
  const second = `${spoolPath}b`;
  writeFileSync(spoolPath, conmon('first\nopen'));
  writeFileSync(second, conmon('second\n'));
  const pumps = new LogPumps((_id, reason) => assert.fail(reason));
  pumps.begin('c', spoolPath, target);
  pumps.begin('c', second, target);
  pumps.end('c');
  await pumps.settled('c');
  assert.deepEqual(await read(files), ['o:first\n', 'o:open', 'o:second\n']);
  assert.deepEqual([existsSync(spoolPath), existsSync(second)], [false, false]);
});

test('whoever waits for a run that has ended has all of it, also the line that never ended', async () => {
  const { spoolPath, target, files } = place();
  writeFileSync(spoolPath, conmon('first\nopen'));
  const pumps = new LogPumps((_id, reason) => assert.fail(reason));
  pumps.begin('c', spoolPath, target);
  await pumps.settled('c');
  assert.deepEqual(await read(files), ['o:first\n']);
  pumps.end('c');
  await pumps.settled('c');
  assert.deepEqual(await read(files), ['o:first\n', 'o:open']);
});

test('what another program made of the file does not stop its reader', async () => {
  const { dir, spoolPath, target, files } = place();
  const pump = new LogPump(target);
  pump.add(spoolPath);
  writeFileSync(spoolPath, conmon('one\n'));
  drain(pump);
  appendFileSync(
    join(dir, 'log'),
    'garbage\n{"log":"torn\n{"stream":"stderr","time":"2024-05-01T08:00:00Z","log":"other\\n"}\n{}\n',
  );
  appendFileSync(spoolPath, conmon('two\n'));
  drain(pump);
  pump.close();
  assert.deepEqual(await read(files), ['o:one\n', 'e:other\n', 'o:two\n']);
});
