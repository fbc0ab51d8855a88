import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { FilePacket, FileStat, FileTransfer } from '../../model/build-client.ts';
import { sendFiles } from './export-files.ts';
import { receiveFiles } from './receive-files.ts';

const never = new AbortController().signal;

function temporary(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'transfer-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A queue of packets that one side puts in and the other takes. */
class Pipe {
  readonly packets: FilePacket[] = [];
  readonly all: FilePacket[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  put(packet: FilePacket): void {
    this.packets.push(packet);
    this.all.push(packet);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *read(): AsyncGenerator<FilePacket> {
    for (;;) {
      const packet = this.packets.shift();
      if (packet) yield packet;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

function ends(): { sender: FileTransfer; receiver: FileTransfer; sent: Pipe; asked: Pipe } {
  const [sent, asked] = [new Pipe(), new Pipe()];
  const end = (reads: Pipe, writes: Pipe): FileTransfer => ({
    packets: reads.read(),
    send: async (packet) => writes.put(packet),
    end: () => writes.end(),
    cancel: () => {
      writes.end();
      reads.end();
    },
  });
  return { sender: end(asked, sent), receiver: end(sent, asked), sent, asked };
}

/** Which files' content was sent. */
async function transfer(from: string, to: string): Promise<string[]> {
  const { sender, receiver, sent, asked } = ends();
  await Promise.all([sendFiles(sender, from, never, () => {}), receiveFiles(receiver, to, { signal: never })]);
  const stats = sent.all.flatMap((packet) => (packet.packet === 'stat' ? [packet.stat] : []));
  return asked.all.flatMap((packet) => (packet.packet === 'request' ? [stats[packet.id]!.path] : []));
}

function contentOf(root: string, below = ''): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(root, below)).sort()) {
    const path = below === '' ? name : `${below}/${name}`;
    const stats = lstatSync(join(root, path), { bigint: true });
    const mode = (Number(stats.mode) & 0o7777).toString(8);
    if (stats.isDirectory()) Object.assign(found, { [`${path}/`]: mode }, contentOf(root, path));
    else if (stats.isSymbolicLink()) found[path] = `-> ${readlinkSync(join(root, path))}`;
    else
      found[path] =
        `${mode} ${stats.mtimeNs} ${readFileSync(join(root, path)).toString('latin1').slice(0, 50)} ${stats.size}`;
  }
  return found;
}

function fill(root: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
}

test('a directory arrives as it was: files, modes, times and links', async (t) => {
  const [from, to] = [temporary(t), temporary(t)];
  fill(from, { 'a/b/c': 'content', 'a/empty': '', 'a-b': 'x', 'name with ä': 'y', large: 'z'.repeat(9_000_000) });
  for (let i = 0; i < 300; i++) writeFileSync(join(from, 'a', `file-${i}`), `${i}`.repeat(i));
  symlinkSync('../outside', join(from, 'a/link'));
  linkSync(join(from, 'a-b'), join(from, 'z-second-name'));
  chmodSync(join(from, 'a/b/c'), 0o4751);
  chmodSync(join(from, 'a/b'), 0o1770);
  utimesSync(join(from, 'a/b/c'), 1_600_000_000.123456, 1_600_000_000.123456);
  await transfer(from, to);
  assert.deepEqual(contentOf(to), contentOf(from));
  assert.equal(lstatSync(join(to, 'a-b')).ino, lstatSync(join(to, 'z-second-name')).ino);
});

test('what is there already is not sent again, and what is gone goes', async (t) => {
  const [from, to] = [temporary(t), temporary(t)];
  fill(from, { 'a/one': '1', 'a/two': '2', 'b/three': '3', four: '4' });
  assert.deepEqual((await transfer(from, to)).sort(), ['a/one', 'a/two', 'b/three', 'four']);
  assert.deepEqual(await transfer(from, to), []);
  // Changed, gone with its directory, in a directory's place, new.
  writeFileSync(join(from, 'a/one'), 'other');
  rmSync(join(from, 'b'), { recursive: true });
  rmSync(join(from, 'four'));
  fill(from, { 'four/five': '5' });
  rmSync(join(from, 'a/two'));
  mkdirSync(join(from, 'a/two'));
  assert.deepEqual(await transfer(from, to), ['a/one', 'four/five']);
  assert.deepEqual(contentOf(to), contentOf(from));
  chmodSync(join(from, 'a/one'), 0o600);
  assert.deepEqual(await transfer(from, to), ['a/one']);
});

const stat = (path: string, more: Partial<FileStat> = {}): FilePacket => ({
  packet: 'stat',
  stat: {
    path,
    mode: 0o644,
    uid: 7,
    gid: 7,
    sizeBytes: 1,
    modTimeNs: 0n,
    linkName: '',
    deviceMajor: 0,
    deviceMinor: 0,
    ...more,
  },
});
const END: FilePacket = { packet: 'statsEnd' };
const data = (id: number, text: string): FilePacket => ({ packet: 'data', id, data: Buffer.from(text) });

/** What a receiver makes of these packets. */
async function received(to: string, packets: readonly FilePacket[], maxBytes?: number): Promise<void> {
  const { receiver, sent } = ends();
  for (const packet of packets) sent.put(packet);
  sent.end();
  await receiveFiles(receiver, to, { signal: never, ...(maxBytes === undefined ? {} : { maxBytes }) });
}

test('names that are no UTF-8 come and go like others, and their content with them', async (t) => {
  const [from, to] = [temporary(t), temporary(t)];
  const odd = (directory: string, ...parts: string[]): Buffer =>
    Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(parts.join('/'), 'latin1')]);
  mkdirSync(odd(from, 'd\xe4'));
  writeFileSync(odd(from, 'd\xe4', 'f\xff'), 'content');
  symlinkSync(Buffer.from('f\xff', 'latin1'), odd(from, 'link\xfe'));
  assert.equal((await transfer(from, to)).length, 1);
  assert.equal(readFileSync(odd(to, 'd\xe4', 'f\xff'), 'utf8'), 'content');
  assert.deepEqual(await transfer(from, to), []);
  rmSync(odd(from, 'd\xe4', 'f\xff'));
  await transfer(from, to);
  assert.equal(existsSync(odd(to, 'd\xe4', 'f\xff')), false);
  rmSync(odd(from, 'd\xe4'), { recursive: true });
  rmSync(odd(from, 'link\xfe'));
  await transfer(from, to);
  assert.deepEqual(readdirSync(to), []);
});

test('no path of a client leaves the directory, by its letters or by links', async (t) => {
  const outer = temporary(t);
  const to = join(outer, 'inside');
  mkdirSync(to);
  for (const path of [
    '../x',
    'a/../../x',
    '/x',
    '',
    '.',
    'a//b',
    'a/.',
    'a\0b',
    'x'.repeat(256),
    'a/'.repeat(3000) + 'a',
  ])
    await assert.rejects(received(to, [stat(path), END]), /path is none/, path);
  const LINK = 2 ** 27 + 0o777;
  await received(to, [
    stat('away', { mode: LINK, linkName: '../../../../../..' + outer, sizeBytes: 0 }),
    stat('away/file'),
    END,
    data(1, 'x'),
    data(1, ''),
    { packet: 'end' },
  ]);
  assert.equal(existsSync(join(outer, 'file')), false);
  await assert.rejects(received(to, [stat('hard', { linkName: '../secret' }), END, { packet: 'end' }]));
  assert.deepEqual(readdirSync(outer), ['inside']);
});

test('a client that does not keep to what it said changes nothing but its own files', async (t) => {
  const to = temporary(t);
  const rejects = (packets: readonly FilePacket[], message: RegExp) => assert.rejects(received(to, packets), message);
  await rejects([data(0, 'x')], /nobody asked/);
  await rejects([stat('a'), END, data(5, 'x')], /invalid file request 5/);
  await rejects([stat('a'), END, stat('b')], /something else/);
  await rejects([stat('a'), END, data(0, 'x')], /ended the transfer/);
  await rejects([stat('a', { sizeBytes: -1 }), END], /size is none/);
  await rejects([stat('a'), { packet: 'error', text: 'no' }], /error from sender: no/);
  await assert.rejects(received(to, [stat('a'), stat('b', { sizeBytes: 10 }), END], 10), /more than 10 bytes/);
  // Longer and shorter than it was said to be.
  const whole = [stat('long', { sizeBytes: 3 }), stat('short', { sizeBytes: 3 }), END];
  const contents = [data(1, 'a'), data(0, '12'), data(0, '345'), data(0, ''), data(1, ''), { packet: 'end' } as const];
  await received(to, [...whole, ...contents]);
  assert.equal(readFileSync(join(to, 'long'), 'utf8'), '123');
  assert.equal(readFileSync(join(to, 'short'), 'utf8'), 'a\0\0');
  assert.equal(lstatSync(join(to, 'long')).uid, 0);
});

test('what a client tells of its files takes a bounded part of the memory', async (t) => {
  const to = temporary(t);
  const LINK = 2 ** 27 + 0o777;
  const link = (path: string, chars: number) => stat(path, { mode: LINK, linkName: 'x'.repeat(chars), sizeBytes: 0 });
  await assert.rejects(received(to, [link('a', 4097), END, { packet: 'end' }]), /target is too long/);
  const one = link('a', 4096);
  const many = Array.from({ length: 128 * 256 }, () => one);
  await assert.rejects(received(to, [...many, END, { packet: 'end' }]), /names in the build context are too long/);
});
