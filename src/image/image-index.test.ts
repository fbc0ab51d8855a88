import assert from 'node:assert/strict';
import { linkSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { indexFile, previousIndexFile } from './index-file.ts';
import { ImageIndex } from './image-index.ts';

test('a change after one that was cut off between keeping the old index and writing the new one leaves nothing beside them', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'causeway-index-'));
  t.after(() => rmSync(root, { recursive: true }));
  const index = ImageIndex.open(root);
  rmSync(previousIndexFile(root), { force: true });
  linkSync(indexFile(root), previousIndexFile(root)); // both are names of one file, and rename does nothing then
  index.update(() => {});
  assert.deepEqual(readdirSync(root).filter((name) => name.endsWith('.new')), []);
});
