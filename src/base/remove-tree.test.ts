import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeTree } from './remove-tree.ts';

test('a tree deeper than any path goes, and what its links name stays', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-remove-'));
  const script =
    'mkdir kept tree; touch kept/file; cd tree; ln -s ../kept link; n=$(printf "%0200d" 0); p=$n; for i in 1 2 3 4; do p=$p/$p; done; for again in 1 2; do mkdir -p $p; cd -P $p; ln -s ../kept link; done';
  execFileSync('sh', ['-ec', script], { cwd: directory });
  await removeTree(join(directory, 'tree'));
  assert.equal(existsSync(join(directory, 'tree')), false);
  assert.deepEqual(readdirSync(join(directory, 'kept')), ['file']);
  await removeTree(join(directory, 'absent'));
  const odd = Buffer.concat([Buffer.from(`${directory}/odd`), Buffer.from([0xff, 0xfe])]);
  mkdirSync(odd);
  for (const name of [[0xff], [0xc3, 0x28]])
    writeFileSync(Buffer.concat([odd, Buffer.from('/'), Buffer.from(name)]), 'a name that is no text');
  await removeTree(directory);
  assert.equal(existsSync(directory), false);
});

test('a directory of very many files goes while others have their turns with files', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-remove-'));
  const full = join(directory, 'a', 'full');
  mkdirSync(full, { recursive: true });
  const files = 10_000;
  for (let one = 0; one < files; one++) writeFileSync(join(full, String(one)), '');
  const removing = removeTree(directory);
  while (readdirSync(full).length === files) await new Promise((resolve) => setImmediate(resolve));
  for (let one = 0; one < 10; one++) await stat('/');
  assert.ok(readdirSync(full).length > files / 2, 'others did not wait for its end');
  await removing;
  assert.equal(existsSync(directory), false);
});

test('a directory that becomes a link meanwhile is not followed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-remove-'));
  const [tree, kept, away] = ['tree', 'kept', 'away'].map((name) => join(directory, name)) as [string, string, string];
  for (const path of [tree, kept, away]) mkdirSync(path);
  writeFileSync(join(kept, 'file'), '');
  const each = 300; // in the order of the directory, which is none: some are known as directories by the first removal
  for (let one = 0; one < each; one++) {
    writeFileSync(join(tree, `file-${one}`), '');
    mkdirSync(join(tree, `directory-${one}`));
  }
  const removing = removeTree(tree);
  while (readdirSync(tree).length === 2 * each) await new Promise((resolve) => setImmediate(resolve));
  for (const name of readdirSync(tree).filter((one) => one.startsWith('directory'))) {
    renameSync(join(tree, name), join(away, name));
    symlinkSync(kept, join(tree, name));
  }
  await removing;
  assert.deepEqual(readdirSync(kept), ['file']);
  assert.equal(existsSync(tree), false);
  rmSync(directory, { recursive: true });
});

test('files that cannot be removed are an error of the removal, and of nothing else', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-remove-'));
  mkdirSync(join(directory, 'below'));
  for (let one = 0; one < 40; one++) writeFileSync(join(directory, String(one)), '');
  try {
    execFileSync('chattr', ['+a', directory], { stdio: 'pipe' });
  } catch (error) {
    return t.skip(`the file system of ${tmpdir()} has no such attribute: ${(error as Error).message}`);
  }
  const lost: unknown[] = [];
  const note = (error: unknown): void => void lost.push(error);
  process.on('unhandledRejection', note);
  try {
    await assert.rejects(removeTree(directory), { code: 'EPERM' });
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(lost, []);
  } finally {
    process.off('unhandledRejection', note);
    execFileSync('chattr', ['-a', directory]);
    rmSync(directory, { recursive: true });
  }
});
