import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readLog } from './log-file.ts';
import { LogParser, parseTimeNs } from './log-parser.ts';
import type { LogFrame, LogQuery } from '../model/streams.ts';

const directory = mkdtempSync(join(tmpdir(), 'causeway-log-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const path = (name: string) => join(directory, name);
const plain = (name: string) => ({ path: path(name), format: 'plain' as const });
const ALL: LogQuery = { stdout: true, stderr: true, follow: false, tail: -1, sinceNs: 0n, untilNs: 0n };

const stamp = (second: number) => `2024-05-01T10:00:${String(second).padStart(2, '0')}.000000001+02:00`;
const line = (second: number, text: string, stream = 'stdout', tag = 'F') =>
  `${stamp(second)} ${stream} ${tag} ${text}\n`;
const texts = async (batches: AsyncIterable<readonly LogFrame[]>) => {
  const all: string[] = [];
  for await (const batch of batches)
    for (const frame of batch) all.push(`${frame.stream === 'stdout' ? 'o' : 'e'}:${frame.data.toString()}`);
  return all;
};

test('times keep their nanoseconds and their offset', () => {
  assert.equal(
    parseTimeNs('2024-05-01T10:00:00.123456789+02:00'),
    BigInt(Date.UTC(2024, 4, 1, 8)) * 1_000_000n + 123_456_789n,
  );
  assert.equal(parseTimeNs('1970-01-01T00:00:01.000000000-00:30'), 1801n * 1_000_000_000n);
});

test('lines, pieces of lines and both streams', async () => {
  writeFileSync(
    path('a'),
    line(1, 'one') +
      line(2, 'par', 'stdout', 'P') +
      line(2, 'err', 'stderr') +
      line(3, 'tial') +
      line(4, '') +
      line(5, 'open', 'stderr', 'P'),
  );
  assert.deepEqual(await texts(readLog(plain('a'), ALL)), ['o:one\n', 'e:err\n', 'o:partial\n', 'o:\n', 'e:open']);
  assert.deepEqual(await texts(readLog(plain('a'), { ...ALL, stderr: false })), ['o:one\n', 'o:partial\n', 'o:\n']);
  assert.deepEqual(await texts(readLog(plain('absent'), ALL)), []);
});

test('a line of many pieces comes in frames of 16 KiB', () => {
  const parser = new LogParser();
  const piece = 'x'.repeat(8192);
  const text = line(1, piece, 'stdout', 'P').repeat(5) + line(1, 'end');
  const frames = [...parser.push(Buffer.from(text))];
  assert.deepEqual(
    frames.map((frame) => frame.data.length),
    [16384, 16384, 8192 + 4],
  );
});

test('bytes arrive in any portions', () => {
  const text = Buffer.from(line(1, 'grüße', 'stderr') + line(2, 'b', 'stdout', 'P') + line(3, 'c'));
  for (let cut = 0; cut <= text.length; cut++) {
    const parser = new LogParser();
    const frames = [...parser.push(text.subarray(0, cut)), ...parser.push(text.subarray(cut)), ...parser.rest()];
    assert.deepEqual(
      frames.map(({ stream, data }) => [stream, data.toString()]),
      [
        ['stderr', 'grüße\n'],
        ['stdout', 'bc\n'],
      ],
    );
  }
});

test('a torn line is passed over', () => {
  const parser = new LogParser();
  assert.deepEqual(
    [...parser.push(Buffer.from(`2024-05-01T10\n\n${line(1, 'good')}`))].map(({ data }) => data.toString()),
    ['good\n'],
  );
});

test('tail counts lines from the end, across reads of the file', async () => {
  const many = Array.from({ length: 5000 }, (_, index) => line(index % 60, `line ${index}`));
  writeFileSync(path('b'), many.join(''));
  assert.deepEqual(await texts(readLog(plain('b'), { ...ALL, tail: 2 })), ['o:line 4998\n', 'o:line 4999\n']);
  assert.equal((await texts(readLog(plain('b'), { ...ALL, tail: 3000 }))).length, 3000);
  assert.equal((await texts(readLog(plain('b'), { ...ALL, tail: 9000 }))).length, 5000);
  assert.deepEqual(await texts(readLog(plain('b'), { ...ALL, tail: 0 })), []);
  writeFileSync(path('c'), line(1, 'one') + line(2, 'a', 'stdout', 'P') + line(2, 'b') + line(3, 'c', 'stdout', 'P'));
  assert.deepEqual(await texts(readLog(plain('c'), { ...ALL, tail: 2 })), ['o:ab\n', 'o:c']);
  assert.deepEqual(await texts(readLog(plain('c'), { ...ALL, tail: 1 })), ['o:c']);
  assert.deepEqual(await texts(readLog(plain('c'), { ...ALL, tail: 3 })), ['o:one\n', 'o:ab\n', 'o:c']);
});

test('tail of a line without end holds no more than a piece of it, and what is no log line at all is passed over', async () => {
  const piece = line(2, 'x'.repeat(8000), 'stdout', 'P');
  writeFileSync(path('g'), line(1, 'before') + piece.repeat(8000) + line(3, 'end') + line(4, 'after'));
  assert.deepEqual(await texts(readLog(plain('g'), { ...ALL, tail: 1 })), ['o:after\n']);
  const heapBytes = process.memoryUsage().arrayBuffers;
  let mostBytes = 0;
  const probe = setInterval(() => (mostBytes = Math.max(mostBytes, process.memoryUsage().arrayBuffers - heapBytes)), 1);
  const sizes = (await texts(readLog(plain('g'), { ...ALL, tail: 2 }))).map((text) => text.length - 2);
  clearInterval(probe);
  assert.equal(
    sizes.reduce((sum, size) => sum + size),
    8000 * 8000 + 4 + 6,
  );
  assert.ok(mostBytes < 64_000_000, `${mostBytes} bytes held`);
  writeFileSync(
    path('h'),
    Buffer.concat([Buffer.from(line(1, 'one')), Buffer.alloc(50_000_000), Buffer.from(`\n${line(2, 'two')}`)]),
  );
  assert.deepEqual(await texts(readLog(plain('h'), ALL)), ['o:one\n', 'o:two\n']);
});

test('a log that is written all the time leaves others their turn, and comes whole', async () => {
  const file = path('i');
  writeFileSync(file, '');
  const lines = 20_000;
  const writer = spawn('sh', [
    '-c',
    `i=0; while [ $i -lt ${lines} ]; do echo "${line(1, '$i').trimEnd()}"; i=$((i + 1)); done >> ${file}`,
  ]);
  const ended = new Promise<void>((resolve) => writer.once('exit', () => resolve()));
  let got = 0;
  const readers = Array.from({ length: 5 }, async () => {
    for await (const batch of readLog({ path: file, format: 'plain' }, { ...ALL, follow: true }, { ended }))
      got += batch.length;
  });
  await Promise.all(readers);
  assert.equal(got, 5 * lines);
});

test('since and until', async () => {
  writeFileSync(path('d'), [1, 2, 3, 4].map((second) => line(second, String(second))).join(''));
  const sinceNs = parseTimeNs(stamp(2))!;
  const untilNs = parseTimeNs(stamp(3))!;
  assert.deepEqual(await texts(readLog(plain('d'), { ...ALL, sinceNs, untilNs })), ['o:2\n', 'o:3\n']);
});

test('follow: what is appended comes, also after the file was replaced, until the writer ended', async () => {
  const file = path('e');
  let end!: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const got: string[] = [];
  const reader = (async () => {
    for await (const batch of readLog({ path: file, format: 'plain' }, { ...ALL, follow: true }, { ended }))
      got.push(...batch.map(({ data }) => data.toString()));
  })();
  const until = async (count: number) => {
    while (got.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  await new Promise((resolve) => setTimeout(resolve, 20)); // not there yet
  writeFileSync(file, line(1, 'one'));
  await until(1);
  appendFileSync(file, line(2, 'two') + line(3, 'par', 'stdout', 'P'));
  await until(2);
  appendFileSync(file, line(3, 'tial'));
  await until(3);
  writeFileSync(`${file}.tmp`, line(4, 'new'));
  renameSync(`${file}.tmp`, file);
  await until(4);
  appendFileSync(file, line(5, 'last', 'stderr', 'P'));
  end();
  await reader;
  assert.deepEqual(got, ['one\n', 'two\n', 'partial\n', 'new\n', 'last']);
});

test('follow ends when its reader leaves, and at its time', async () => {
  writeFileSync(path('f'), line(1, 'one'));
  const leave = new AbortController();
  const seen: string[] = [];
  for await (const batch of readLog(plain('f'), { ...ALL, follow: true }, { signal: leave.signal })) {
    seen.push(...batch.map(({ data }) => data.toString()));
    setTimeout(() => leave.abort(), 5);
  }
  assert.deepEqual(seen, ['one\n']);
  const untilNs = BigInt(Date.now() + 30) * 1_000_000n;
  assert.deepEqual(await texts(readLog(plain('f'), { ...ALL, follow: true, untilNs })), ['o:one\n']);
});
