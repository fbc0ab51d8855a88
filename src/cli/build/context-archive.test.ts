import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { IgnorePatterns } from '../../base/ignore-patterns.ts';
import { parsePax, parseTarHeader, TAR_BLOCK, type TarHeader } from '../../base/tar-headers.ts';
import { contextArchive } from './context-archive.ts';

let directory: string;
beforeEach(() => {
  process.umask(0o022);
  directory = mkdtempSync(join(tmpdir(), 'context-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function write(name: string, content = name): void {
  mkdirSync(dirname(join(directory, name)), { recursive: true });
  writeFileSync(join(directory, name), content);
}

interface Found extends TarHeader {
  readonly content: Buffer;
}

function archiveOf(
  ignore: string,
  kept: readonly string[] = [],
  added: { name: string; content: Buffer }[] = [],
): Found[] {
  const pieces = [...contextArchive({ directory, patterns: IgnorePatterns.ofFile(ignore), kept, added })];
  const archive = Buffer.concat(pieces);
  const found: Found[] = [];
  let path: string | undefined;
  for (let at = 0; archive[at] !== 0;) {
    const header = parseTarHeader(archive.subarray(at, at + TAR_BLOCK));
    const content = archive.subarray(at + TAR_BLOCK, at + TAR_BLOCK + header.sizeBytes);
    at += TAR_BLOCK + Math.ceil(header.sizeBytes / TAR_BLOCK) * TAR_BLOCK;
    if (header.type === 'x') path = parsePax(content).get('path');
    else {
      found.push({ ...header, name: path ?? header.name, content });
      path = undefined;
    }
  }
  return found;
}

const namesOf = (ignore: string, kept?: readonly string[]): string[] => archiveOf(ignore, kept).map(({ name }) => name);

test('files go as they are, sorted by name, all of them of root', () => {
  write('b/inner', 'x'.repeat(700_000));
  write('a');
  chmodSync(join(directory, 'a'), 0o4755);
  symlinkSync('../nowhere', join(directory, 'link'));
  execFileSync('mkfifo', [join(directory, 'fifo')]);
  const entries = archiveOf('');
  assert.deepEqual(
    entries.map(({ name, type, mode, uid, gid, linkName }) => [
      name,
      type,
      type === '2' ? 0 : mode,
      uid,
      gid,
      linkName,
    ]),
    [
      ['a', '0', 0o4755, 0, 0, ''],
      ['b/', '5', 0o755, 0, 0, ''],
      ['b/inner', '0', 0o644, 0, 0, ''],
      ['fifo', '6', 0o644, 0, 0, ''],
      ['link', '2', 0, 0, 0, '../nowhere'],
    ],
  );
  assert.equal(entries[2]!.content.toString(), 'x'.repeat(700_000));
});

test('a file with two names is sent once', () => {
  write('z');
  linkSync(join(directory, 'z'), join(directory, 'a'));
  assert.deepEqual(
    archiveOf('').map(({ name, type, linkName, content }) => [name, type, linkName, content.toString()]),
    [
      ['a', '0', '', 'z'],
      ['z', '1', 'a', ''],
    ],
  );
  assert.deepEqual(
    archiveOf('a').map(({ name, type }) => [name, type]),
    [['z', '0']],
    'the first name is that of what is sent',
  );
});

test('names that are long, or not of ASCII, arrive', () => {
  const long = `${'d'.repeat(90)}/${'f'.repeat(90)}`;
  write(long);
  write('é');
  assert.deepEqual(namesOf(''), [`${'d'.repeat(90)}/`, long, Buffer.from('é').toString('latin1')]);
});

test('what a pattern leaves out is not sent, what an exception takes back comes with its directories', () => {
  for (const name of ['a/b/keep', 'a/b/other', 'a/c/other', 'd/x', 'e']) write(name);
  assert.deepEqual(namesOf('a\nd\n!a/b/keep'), ['a/', 'a/b/', 'a/b/keep', 'e']);
  assert.deepEqual(namesOf('*\n!**/keep'), ['a/', 'a/b/', 'a/b/keep']);
});

test('the Dockerfile and .dockerignore are sent even if they are left out', () => {
  for (const name of ['.dockerignore', 'build/Dockerfile', 'build/x', 'other']) write(name);
  assert.deepEqual(namesOf('*', ['.dockerignore', 'build/Dockerfile']), [
    '.dockerignore',
    'build/',
    'build/Dockerfile',
  ]);
});

test('an added file is in place of the one of its name', () => {
  write('.dockerignore', 'old');
  write('x');
  const entries = archiveOf('', [], [{ name: '.dockerignore', content: Buffer.from('new') }]);
  assert.deepEqual(
    entries.map(({ name, content }) => [name, content.toString()]),
    [
      ['x', 'x'],
      ['.dockerignore', 'new'],
    ],
  );
});

test('a file that becomes shorter while it is read ends the archive', () => {
  write('big', 'x'.repeat(3_000_000));
  const pieces = contextArchive({ directory, patterns: IgnorePatterns.ofFile(''), kept: [], added: [] });
  pieces.next();
  truncateSync(join(directory, 'big'), 10);
  assert.throws(() => [...pieces], /big has become shorter while it is read/);
});

test('a large file comes in pieces of a quarter of a megabyte, none of which is written to again', () => {
  write('big', '');
  truncateSync(join(directory, 'big'), 20_000_000);
  const buffers = new Set<ArrayBufferLike>();
  let bytes = 0;
  for (const piece of contextArchive({ directory, patterns: IgnorePatterns.ofFile(''), kept: [], added: [] })) {
    assert.ok(piece.length <= 256 * 1024);
    bytes += piece.length;
    buffers.add(piece.buffer);
  }
  assert.equal(buffers.size, Math.ceil(bytes / (256 * 1024)));
});
