import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
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
  await removeTree(directory);
  assert.equal(existsSync(directory), false);
});
