import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatImageConfig, parseImageConfig } from './image-config.ts';

test('what an image does not say of itself is left out when it is written again', () => {
  const rootfs = { type: 'layers', diff_ids: [`sha256:${'0'.repeat(64)}`] };
  const given = { config: {}, history: [{ created_by: 'sh build.sh' }], os: 'linux', rootfs };
  const written = JSON.parse(formatImageConfig(parseImageConfig(JSON.stringify(given)))) as typeof given;
  assert.deepEqual(written.history, given.history);
  assert.ok(!('created' in written));
});
