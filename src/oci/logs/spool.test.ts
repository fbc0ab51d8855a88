import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Spool } from './spool.ts';

test('a kept place counts again, but not where the spool was truncated below it', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-spool-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'spool-1');
  writeFileSync(path, 'x'.repeat(100));
  const first = new Spool(path);
  const place = { inode: first.inode, offset: 60, lines: [], log: { inode: 1, size: 10 } };
  first.keep(place as unknown as Parameters<Spool['keep']>[0]);
  first.close();
  const placeNow = () => {
    const spool = new Spool(path);
    const found = spool.place();
    spool.close();
    return found?.offset;
  };
  assert.equal(placeNow(), 60);
  truncateSync(path, 60);
  assert.equal(placeNow(), 60);
  truncateSync(path, 59);
  assert.equal(placeNow(), undefined);
});
