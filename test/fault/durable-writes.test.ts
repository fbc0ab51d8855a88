/** What is called durable outlives a power failure that comes the moment after. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { engineId } from '../../src/daemon/host-facts.ts';
import { BlobStore } from '../../src/image/blob-store.ts';
import { writeDurably } from '../../src/image/durable-file.ts';
import { AsideDirectory } from '../../src/store/aside.ts';
import { writeCopy } from '../../src/store/state-copy.ts';
import { check, run } from '../harness/host.ts';
import { Disk, DISKS, NO_DISKS as skip } from './power-cut.ts';

for (const [kind, flags] of Object.entries(DISKS)) {
  test(`what is written durably is there when power is lost right after, on a disk ${kind}`, { skip }, async () => {
    const disk = new Disk(flags);
    const at = mkdtempSync(join(tmpdir(), 'causeway-power-'));
    try {
      disk.mount(at);
      const blobs = new BlobStore(join(at, 'image'));
      const aside = new AsideDirectory(at);
      check(run('sync', ['-f', at])); // the directories
      const { digest } = await blobs.put('{"a":"config"}', new Set());
      const id = await engineId(at);
      writeDurably(join(at, 'index.json'), 'an index', () => undefined);
      const file = aside.write('containers', 'key', Buffer.from('a record'));
      aside.settle('containers');
      await writeCopy(at, [{ table: 'meta', key: 'a', bytes: Buffer.from('1') }]);
      disk.cut(at);
      disk.restore(at);
      assert.equal(readFileSync(blobs.path(digest), 'utf8'), '{"a":"config"}');
      assert.equal(await engineId(at), id);
      assert.equal(readFileSync(join(at, 'index.json'), 'utf8'), 'an index');
      assert.equal(readFileSync(file, 'utf8'), 'a record');
      assert.match(readFileSync(join(at, 'copy.jsonl'), 'utf8'), /sha256/);
    } finally {
      disk.destroy(at);
      rmSync(at, { recursive: true, force: true });
    }
  });
}
