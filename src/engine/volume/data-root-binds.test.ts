import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindPropagation } from './data-root-binds.ts';

const of = (source: string, asked = ''): string => bindPropagation('/var/lib/engine', source, asked);

test("a bind that has the engine's own mounts in it follows them, and asking for anything else is refused", () => {
  for (const source of [
    '/',
    '/var',
    '/var/lib/',
    '/var/lib/engine',
    '/var/lib/engine/',
    '/var/lib/engine/containers',
  ]) {
    assert.equal(of(source), 'rslave', source);
    assert.deepEqual([of(source, 'rslave'), of(source, 'rshared')], ['rslave', 'rshared']);
    for (const asked of ['private', 'rprivate', 'slave', 'shared'])
      assert.throws(() => of(source, asked), {
        kind: 'invalid',
        message: `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: "/var/lib/engine", bind mount source: "${source}", propagation: "${asked}"`,
      });
  }
});

test('any other bind has what was asked for, else nothing passes', () => {
  for (const source of ['/var/lib/engine2', '/var/lib/eng', '/srv', '/var/lib/other/engine']) {
    assert.equal(of(source), 'rprivate', source);
    assert.deepEqual([of(source, 'shared'), of(source, 'private')], ['shared', 'private']);
  }
});
