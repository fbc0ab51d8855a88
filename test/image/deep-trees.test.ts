/**
 * Layers of directories as deep as a path can be: what an entry costs does not follow its depth, and paths still end
 * where they should.
 */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { removeTree } from '../../src/base/remove-tree.ts';
import { formatTarHeader, type TarHeader } from '../../src/base/tar-headers.ts';
import { TarExtraction } from '../../src/image/tar-extraction.ts';

function header(name: string, rest: Partial<TarHeader> = {}): Buffer {
  const plain = {
    mode: 0o755,
    uid: 0,
    gid: 0,
    sizeBytes: 0,
    mtimeS: 1,
    type: '0',
    linkName: '',
    userName: '',
    groupName: '',
    deviceMajor: 0,
    deviceMinor: 0,
  };
  return formatTarHeader({ ...plain, name, ...rest }, new Map(name.length > 100 ? [['path', name]] : []));
}

function root(t: TestContext, name: string): string {
  const directory = mkdtempSync(join(tmpdir(), `causeway-${name}-`));
  t.after(() => removeTree(directory));
  return directory;
}

/** The processor time that it takes, in ms. */
function extract(into: string, entries: readonly Buffer[]): number {
  const extraction = new TarExtraction({ view: { root: into }, into: '/' });
  try {
    const before = process.cpuUsage();
    for (const entry of entries) extraction.consume(entry);
    extraction.consume(Buffer.alloc(1024));
    extraction.end();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  } finally {
    extraction.abandon();
  }
}

const chain = (top: string, depth: number): string => [top, ...Array.from({ length: depth - 1 }, () => 'd')].join('/');

test('an entry two thousand directories deep costs a few times one at the top, not a thousand times', (t) => {
  const entriesAt = (depth: number): Buffer[] =>
    Array.from({ length: 600 }, (_, i) => header(`${chain(i % 2 === 0 ? 'a' : 'b', depth)}/f${i}`));
  const shallow = Math.max(10, extract(root(t, 'shallow'), entriesAt(2)));
  const into = root(t, 'deep');
  const deep = extract(into, entriesAt(1900));
  t.diagnostic(`${shallow.toFixed(0)} ms at the top, ${deep.toFixed(0)} ms deep down`);
  assert.ok(deep < 30 * shallow, `${deep} ms, ${shallow} ms at the top`);
  assert.ok(existsSync(join(into, 'a/d/d')));
});

test('links on the way lead where they lead inside, what is missing is made, and a link to nothing makes what it names', (t) => {
  const into = root(t, 'links');
  extract(into, [
    header('real/', { type: '5' }),
    header('abs', { type: '2', linkName: '/real' }),
    header('up', { type: '2', linkName: '../../../real' }),
    header('dangling', { type: '2', linkName: '/made/here' }),
    header('abs/x/y/file'),
    header('up/file'),
    header('dangling/file'),
    header('a/b/c/file'),
  ]);
  for (const path of ['real/x/y/file', 'real/file', 'made/here/file', 'a/b/c/file'])
    assert.ok(lstatSync(join(into, path)).isFile(), path);
  assert.equal(lstatSync(join(into, 'a/b')).mode & 0o7777, 0o755);
});

test('a symbolic link out of the tree is not followed', (t) => {
  const outside = root(t, 'outside');
  const into = root(t, 'inside');
  symlinkSync(outside, join(into, 'out'));
  extract(into, [
    header('out/new/file'),
    header('far', { type: '2', linkName: `../../../../../../..${outside}` }),
    header('far/new/file'),
  ]);
  assert.deepEqual(readdirSync(outside), []);
  assert.ok(existsSync(join(into, outside, 'new/file')));
});

test('a path longer than a path can be, a file on the way and a circle of links are refused, and names need not be text', (t) => {
  const into = root(t, 'odd');
  assert.throws(() => extract(into, [header(`${chain('a', 2100)}/f`)]), /file name too long/);
  assert.throws(() => extract(into, [header('file'), header('file/below/x')]), /not a directory/);
  assert.throws(
    () =>
      extract(into, [
        header('c1', { type: '2', linkName: 'c2' }),
        header('c2', { type: '2', linkName: 'c1' }),
        header('c1/x'),
      ]),
    /too many levels of symbolic links/,
  );
  extract(into, [header('b\xff\xfe/in/f'), header('b\xff\xfe/in/g')]);
  assert.deepEqual(readdirSync(Buffer.from(`${into}/b\xff\xfe/in`, 'latin1')), ['f', 'g']);
  assert.equal(readFileSync(join(into, 'file'), 'utf8'), '');
});
