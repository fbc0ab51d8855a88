import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupnsModeOf } from './cgroupns-mode.ts';

test('the cgroup namespace of a container: as asked, of a privileged one with cgroup v1 the host, else the default', () => {
  const mode = (cgroupnsMode: string, privileged: boolean, cgroupMode: 'v1' | 'hybrid' | 'v2', byDefault: string) =>
    cgroupnsModeOf({ cgroupnsMode, privileged }, { cgroupMode, cgroupnsMode: byDefault });
  for (const cgroupMode of ['v1', 'hybrid'] as const) {
    assert.equal(mode('', true, cgroupMode, 'private'), 'host');
    assert.equal(mode('', false, cgroupMode, 'private'), 'private');
    assert.equal(mode('private', true, cgroupMode, 'host'), 'private');
  }
  assert.equal(mode('', true, 'v2', 'private'), 'private');
  assert.equal(mode('', true, 'v2', 'host'), 'host');
  assert.equal(mode('host', false, 'v2', 'private'), 'host');
});
