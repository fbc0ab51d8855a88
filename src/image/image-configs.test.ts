import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatImageConfig, parseImageConfig } from './image-config.ts';
import { ImageConfigs } from './image-configs.ts';

test('long configurations of many images take a bounded part of the memory, and are read again', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'configs-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const dropped: string[] = [];
  const blobs = { path: (id: string) => join(directory, id), sync: async () => {}, syncNow: () => {} };
  const configs = new ImageConfigs(blobs, (id) => dropped.push(id));
  const empty = parseImageConfig('{"rootfs":{"diff_ids":["layer"]}}');
  const long = 'x'.repeat(3 * 1024 * 1024);
  for (let i = 0; i < 50; i++) {
    const text = formatImageConfig({ ...empty, config: { ...empty.config, env: [`A=${i}`, `LONG=${long}`] } });
    if (i < 2) writeFileSync(join(directory, `image-${i}`), text);
    configs.set(`image-${i}`, parseImageConfig(text), i === 0 ? '' : `image-${i - 1}`);
    configs.get('image-0', ''); // it is used all the time
  }
  assert.ok(dropped.length >= 25, `${dropped.length} are no more in memory`);
  assert.ok(!dropped.includes('image-0') && !dropped.includes('image-49'));
  assert.equal(configs.get('image-1', 'image-0').config.env[0], 'A=1', 'from the disk');
  assert.throws(() => configs.get('image-2', 'image-1'), { code: 'ENOENT' }, 'it has no file here');
  assert.deepEqual(configs.diffIds('image-2', 'image-1'), ['layer'], 'layers of all are known');
});
