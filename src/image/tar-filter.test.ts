import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { TarFilter } from './tar-filter.ts';
import { TarReader, type TarEntry, type TarVisitor } from './tar-reader.ts';
import { formatTarHeader, padding, parsePax, formatPax, parseTarHeader, type TarHeader } from '../base/tar-headers.ts';
import { scanTar } from './tar-scan.ts';
import { LayerToOverlay, OverlayToLayer } from './whiteouts.ts';

const header = (name: string, more: Partial<TarHeader> = {}): TarHeader => ({
  name,
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  mtimeS: 1_700_000_000,
  type: '0',
  linkName: '',
  userName: '',
  groupName: '',
  deviceMajor: 0,
  deviceMinor: 0,
  ...more,
});

function file(name: string, content: Buffer | string, pax?: Map<string, string>): Buffer {
  const body = Buffer.from(content);
  return Buffer.concat([formatTarHeader(header(name, { sizeBytes: body.length }), pax), body, padding(body.length)]);
}
const directory = (name: string) => formatTarHeader(header(name, { type: '5', mode: 0o750 }));
const archive = (...entries: Buffer[]) => Buffer.concat([...entries, Buffer.alloc(1024)]);

/** Runs it through in pieces of the given size. */
async function filter(tar: Buffer, visitor: TarVisitor, piece = 7919): Promise<Buffer> {
  const pieces = Array.from({ length: Math.ceil(tar.length / piece) }, (_, i) =>
    tar.subarray(i * piece, (i + 1) * piece),
  );
  return await buffer(
    Readable.from(pieces)
      .pipe(new TarFilter(visitor))
      .on('error', () => {}),
  );
}

async function list(tar: Buffer): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  await filter(tar, { visit: (entry) => void entries.push(entry) });
  return entries;
}

test('headers come out as they went in, long and binary names and large numbers too', async () => {
  const names = fc.string({
    unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)),
    minLength: 1,
    maxLength: 300,
  });
  const numbers = fc.oneof(fc.nat(), fc.maxSafeNat());
  await fc.assert(
    fc.asyncProperty(names, names, numbers, numbers, numbers, async (name, linkName, uid, gid, mtimeS) => {
      const given = header(name, { linkName, uid, gid, mtimeS, type: '2' });
      const [read] = await list(archive(formatTarHeader(given)));
      assert.deepEqual(read!.header, given);
    }),
    { numRuns: 200 },
  );
});

test('pax records keep every byte', () => {
  const value = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
  const records = new Map([
    ['SCHILY.xattr.security.capability', value],
    ['path', 'x'.repeat(95)],
  ]);
  assert.deepEqual(parsePax(formatPax(records)), records);
});

test('numbers that octal cannot hold are read in base 256', () => {
  const block = formatTarHeader(header('big'));
  block.writeUInt8(0x80, 124);
  block.fill(0, 125, 136);
  block.writeUInt32BE(0x10, 128);
  block.writeUInt32BE(0x1, 132);
  let sum = 8 * 0x20;
  block.forEach((byte, i) => (sum += i < 148 || i >= 156 ? byte : 0));
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  assert.equal(parseTarHeader(block).sizeBytes, 0x1000000001);
});

test('a stream passes unchanged, whatever the pieces', async () => {
  const tar = archive(
    directory('a/'),
    file('a/b', Buffer.alloc(3000, 'x')),
    file('c'.repeat(180), 'long'),
    file('empty', ''),
  );
  for (const piece of [1, 511, 512, 513, 100_000]) {
    assert.deepEqual(await filter(tar, { visit: () => undefined }, piece), tar);
  }
});

test('an archive that is read through one piece of memory comes out the same, wherever the pieces are cut', () => {
  const tar = archive(
    directory('a/'),
    file('a/b', Buffer.alloc(3000, 'x')),
    file('c'.repeat(180), 'long', new Map([['SCHILY.xattr.user.a', 'b']])),
    file('empty', ''),
  );
  for (const piece of [1, 100, 511, 513, 1000, 5000]) {
    const memory = Buffer.alloc(piece);
    const out: Buffer[] = [];
    const reader = new TarReader({ visit: () => undefined }, (bytes) => void out.push(Buffer.from(bytes)));
    for (let at = 0; at < tar.length; at += piece)
      reader.consume(memory.subarray(0, tar.copy(memory, 0, at, at + piece)));
    reader.finish();
    assert.deepEqual(Buffer.concat(out), tar, `in pieces of ${piece}`);
  }
});

test('the padding of the last file may be missing, and comes back', async () => {
  const whole = archive(file('a', Buffer.alloc(3000, 'x')));
  const cut = whole.subarray(0, 512 + 3000);
  assert.deepEqual(await filter(cut, { visit: () => undefined }), whole);
  assert.deepEqual(await filter(whole.subarray(0, 512 + 3010), { visit: () => undefined }), whole);
  await assert.rejects(filter(whole.subarray(0, 512 + 2999), { visit: () => undefined }), {
    message: 'unexpected EOF',
  });
});

test('what is cut off or no archive is refused', async () => {
  const whole = archive(file('a', Buffer.alloc(3000)));
  await assert.rejects(filter(whole.subarray(0, 2000), { visit: () => undefined }), { message: 'unexpected EOF' });
  await assert.rejects(filter(Buffer.alloc(2048, 'garbage '), { visit: () => undefined }), {
    message: 'archive/tar: invalid tar header',
  });
  assert.deepEqual(
    await filter(Buffer.alloc(0), { visit: () => undefined }),
    Buffer.alloc(1024),
    'nothing is an empty archive',
  );
  assert.deepEqual(await list(file('a', 'b')), await list(archive(file('a', 'b'))), 'the end blocks may be missing');
});

test('whiteouts become devices and opaque marks, in any order', async () => {
  const visitor = new LayerToOverlay();
  const out = await filter(
    archive(
      directory('d/'),
      file('d/.wh.gone', ''),
      file('d/.wh..wh..opq', ''),
      file('.wh..wh.plnk', ''),
      file('.wh.again', ''),
      directory('again/'),
      file('stays', 'content'),
      file('.wh.stays', ''),
      file(
        'bad',
        'x',
        new Map([
          ['SCHILY.xattr.trusted.overlay.redirect', '/etc'],
          ['SCHILY.xattr.user.a', 'b'],
        ]),
      ),
    ),
    visitor,
  );
  const entries = await list(out);
  const shown = entries.map(
    ({ header: { name, type }, pax }) => `${type} ${name}${[...pax].map(([k, v]) => ` ${k}=${v}`).join('')}`,
  );
  assert.deepEqual(shown, [
    '5 d/',
    '3 d/gone',
    '3 again',
    '5 again/',
    '0 stays',
    '0 bad SCHILY.xattr.user.a=b',
    '5 d/ SCHILY.xattr.trusted.overlay.opaque=y',
    '5 again/ SCHILY.xattr.trusted.overlay.opaque=y',
  ]);
  assert.equal(entries.at(-2)!.header.mode, 0o750, 'an opaque directory keeps its mode');
  assert.equal(visitor.sizeBytes, 'content'.length + 1);
});

test('and back again', async () => {
  const device = formatTarHeader(header('./d/gone', { type: '3' }));
  const opaque = formatTarHeader(
    header('./o/', { type: '5' }),
    new Map([['SCHILY.xattr.trusted.overlay.opaque', 'y']]),
  );
  const real = formatTarHeader(header('./null', { type: '3', deviceMajor: 1, deviceMinor: 3 }));
  const entries = await list(await filter(archive(device, opaque, real, file('./f', 'x')), new OverlayToLayer()));
  assert.deepEqual(
    entries.map(({ header: { name, type }, pax }) => [type, name, pax.size]),
    [
      ['0', 'd/.wh.gone', 0],
      ['5', './o/', 0],
      ['0', 'o/.wh..wh..opq', 0],
      ['3', './null', 0],
      ['0', './f', 0],
    ],
  );
});

test('a scan of a file sees what a reader of the stream sees', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'causeway-scan-'));
  t.after(() => rmSync(home, { recursive: true }));
  const path = join(home, 'a.tar');
  const scan = async (tar: Buffer, visitor: TarVisitor) => {
    writeFileSync(path, tar);
    return await scanTar(path, visitor);
  };
  const sizes = [0, 1, 511, 512, 513, 5000, 64 * 1024 - 512, 64 * 1024, 200_000];
  const tar = archive(
    ...sizes.flatMap((size, i) => [
      file(`${i}-${'n'.repeat((i * 37) % 200)}`, Buffer.alloc(size, 'x')),
      directory(`d${i}/`),
    ]),
  );
  const seen: Pick<TarEntry, 'header' | 'pax'>[] = [];
  assert.equal(await scan(tar, { visit: ({ header, pax }) => void seen.push({ header, pax }) }), true);
  assert.deepEqual(
    seen,
    (await list(tar)).map(({ header, pax }) => ({ header, pax })),
  );
  assert.equal(await scan(archive(file('a', 'b'), file('.wh.x', '')), new LayerToOverlay()), false);
  assert.equal(await scan(file('a', 'b'), new LayerToOverlay()), true, 'without end blocks');
  for (const cut of [100, 600, 3000, tar.length - 100_000]) {
    await assert.rejects(
      scan(tar.subarray(0, cut), { visit: () => undefined }),
      { message: 'unexpected EOF' },
      `cut at ${cut}`,
    );
  }
  await assert.rejects(scan(Buffer.alloc(5000, 'x'), { visit: () => undefined }), {
    message: 'archive/tar: invalid tar header',
  });
});

test('extension headers without an entry are not kept without end', async () => {
  const one = formatTarHeader(header('x', { type: 'x', sizeBytes: 12 * 1024 * 1024 }));
  const bomb = Buffer.concat([one, Buffer.alloc(12 * 1024 * 1024)]);
  await assert.rejects(filter(Buffer.concat(Array<Buffer>(8).fill(bomb)), { visit: () => undefined }), {
    message: 'archive/tar: header field too long',
  });
});

test('whatever comes, it is an archive or refused', async () => {
  const good = archive(
    directory('a/'),
    file('n'.repeat(150), Buffer.alloc(700, 'x')),
    file('.wh.b', ''),
    file('c', 'y', new Map([['SCHILY.xattr.user.a', 'b']])),
  );
  const change = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(change, fc.boolean(), async (changes, fixSums) => {
      const tar = Buffer.from(good);
      for (const [at, byte] of changes) tar[at] = byte;
      if (fixSums) for (let at = 0; at < tar.length; at += 512) fixChecksum(tar.subarray(at, at + 512));
      try {
        await filter(tar, new LayerToOverlay());
      } catch (error) {
        assert.equal((error as { kind?: string }).kind, 'invalid', String(error));
      }
    }),
    { numRuns: 500 },
  );
});

/** Makes a block that looks like a header pass the checksum, so that its fields are what is tried. */
function fixChecksum(block: Buffer): void {
  if (block.toString('latin1', 257, 262) !== 'ustar') return;
  let sum = 8 * 0x20;
  block.forEach((byte, i) => (sum += i < 148 || i >= 156 ? byte : 0));
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

test('extension records are read as Go reads them: numbers are decimal, a record ends its line, an empty value says nothing', async () => {
  const extension = (body: string) =>
    Buffer.concat([
      formatTarHeader(header('p', { type: 'x', sizeBytes: body.length })),
      Buffer.from(body, 'latin1'),
      padding(body.length),
    ]);
  const read = async (body: string): Promise<TarEntry[]> => {
    const seen: TarEntry[] = [];
    await filter(archive(extension(body), file('f', 'abc')), { visit: (entry) => void seen.push(entry) });
    return seen;
  };
  const record = (text: string) => formatPax(new Map([text.split('=') as [string, string]])).toString('latin1');
  for (const odd of [
    'size=1e3',
    'size=0x10',
    'size= 3',
    'size=3.0',
    'uid=1e3',
    'gid=Infinity',
    'mtime=1e3',
    'size=99999999999999999999',
  ])
    await assert.rejects(read(record(odd)), /invalid tar header/, odd);
  for (const odd of ['9 size=3x\n', '0x9 size=3\n', '9 size=3\0', '1e1 size=3\n', '8 a=b\nxx'])
    await assert.rejects(read(odd), /invalid tar header/, odd);
  const [entry] = await read(`${record('size=')}${record('path=')}${record('uid=')}`);
  assert.deepEqual([entry!.header.name, entry!.header.sizeBytes, entry!.header.uid], ['f', 3, 0]);
  assert.equal((await read(record('size=+3')))[0]!.header.sizeBytes, 3);
});
