/** Directories with more names than one turn of the event loop has time for. */
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { listChanges } from '../../src/image/rootfs-changes.ts';
import { removeTree } from '../../src/base/remove-tree.ts';
import { treeSizeBytes } from '../../src/image/tree-size.ts';

let directory: string;
before(() => (directory = mkdtempSync(join(tmpdir(), 'cwt-trees-'))));
after(() => removeTree(directory));

test('nobody waits for a directory of very many names', async () => {
  const root = join(directory, 'wide');
  mkdirSync(root);
  writeFileSync(join(root, 'file'), 'x');
  for (let i = 0, source = 'file'; i < 20_000; i++) {
    if (i % 10_000 === 0) writeFileSync(join(root, (source = `file${i}-`)), 'x');
    linkSync(join(root, source), join(root, `file${i}`));
  }
  for (const work of [() => treeSizeBytes(root), () => listChanges(root, [])]) {
    let turns = 0;
    let going = true;
    const count = (): void => void (going && (turns++, setImmediate(count)));
    count();
    await work();
    going = false;
    assert.ok(turns > 50, `${turns} turns of the event loop`);
  }
});
