import assert from 'node:assert/strict';
import fs, { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { indexFile, previousIndexFile } from './index-file.ts';
import { ImageIndex } from './image-index.ts';

test('a change interrupted between keeping the old index and writing the new one leaves no stray files', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'causeway-index-'));
  t.after(() => rmSync(root, { recursive: true }));
  const index = ImageIndex.open(root);
  rmSync(previousIndexFile(root), { force: true });
  linkSync(indexFile(root), previousIndexFile(root)); // both are names of one file, and rename does nothing then
  index.update(() => {});
  assert.deepEqual(
    readdirSync(root).filter((name) => name.endsWith('.new')),
    [],
  );
});

test('a change that is refused because the disk does not say that it has the new name is in the file no more than in memory', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'causeway-index-'));
  t.after(() => rmSync(root, { recursive: true }));
  const index = ImageIndex.open(root);
  const before = readFileSync(indexFile(root), 'utf8');
  const failing = t.mock.method(fs, 'fsyncSync', () => {
    throw Object.assign(new Error('EIO'), { code: 'EIO' });
  });
  syncBuiltinESMExports();
  try {
    assert.throws(() => index.update((draft) => draft.compressed.set('sha256:a', 'sha256:b')), /input\/output error/);
  } finally {
    failing.mock.restore();
    syncBuiltinESMExports();
  }
  assert.equal(readFileSync(indexFile(root), 'utf8'), before);
  assert.equal(index.state.compressed.size, 0);
  assert.deepEqual(
    readdirSync(root).filter((name) => name.endsWith('.new')),
    [],
  );
});

test('changes that belong together are in the file all or none', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'causeway-index-'));
  t.after(() => rmSync(root, { recursive: true }));
  const index = ImageIndex.open(root);
  const stored = (): string => readFileSync(indexFile(root), 'utf8');
  const first = stored();
  const change = (name: string): void => index.update((draft) => void draft.compressed.set(name, 'sha256:b'));
  index.atOnce(() => {
    change('sha256:a');
    assert.equal(index.state.compressed.size, 1, 'the next one sees it');
    change('sha256:c');
    assert.equal(stored(), first);
  });
  assert.match(stored(), /sha256:a[^]*sha256:c/);
  assert.throws(() => index.atOnce(() => (change('sha256:d'), assert.fail('later'))), /later/);
  assert.match(stored(), /sha256:d/, 'what was done before it failed is done');
  const failing = t.mock.method(fs, 'fsyncSync', () => {
    throw Object.assign(new Error('EIO'), { code: 'EIO' });
  });
  syncBuiltinESMExports();
  try {
    assert.throws(() => index.atOnce(() => (change('sha256:e'), change('sha256:f'))), /input\/output error/);
  } finally {
    failing.mock.restore();
    syncBuiltinESMExports();
  }
  assert.deepEqual([...index.state.compressed.keys()], ['sha256:a', 'sha256:c', 'sha256:d']);
  assert.doesNotMatch(stored(), /sha256:e/);
});

test('changes that need not be written yet are seen, and are in the file with the next one, or a flush', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'causeway-index-'));
  t.after(() => rmSync(root, { recursive: true }));
  const index = ImageIndex.open(root);
  const stored = (): string => readFileSync(indexFile(root), 'utf8');
  const order: string[] = [];
  index.beforeWriting = () => order.push(stored().includes('sha256:a') ? 'written before' : 'first');
  const soon = (name: string): void => index.updateSoon((draft) => void draft.compressed.set(name, 'sha256:b'));
  soon('sha256:a');
  assert.ok(index.state.compressed.has('sha256:a'));
  assert.doesNotMatch(stored(), /sha256:a/);
  index.update((draft) => draft.compressed.set('sha256:c', 'sha256:b'));
  assert.match(stored(), /sha256:a[^]*sha256:c/);
  assert.deepEqual(order, ['first'], 'what the file names is on the disk first');
  soon('sha256:d');
  index.flush();
  assert.match(stored(), /sha256:d/);
  index.flush();
  assert.equal(order.length, 2, 'nothing is left to be written');
});
