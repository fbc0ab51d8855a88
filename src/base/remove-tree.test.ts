import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
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
