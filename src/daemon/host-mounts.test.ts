import assert from 'node:assert/strict';
import { test } from 'node:test';
import { examineRootMount } from './host-mounts.ts';

const level = (...roots: string[][]): string =>
  examineRootMount([
    ...roots.map((propagation) => ({ target: '/', propagation })),
    { target: '/data', propagation: ['shared:9'] },
  ]).level;

test('a host whose / is private is warned of: the daemon sees none of its later mounts', () => {
  assert.equal(level(['shared:1']), 'ok');
  assert.equal(level(['master:1']), 'ok');
  assert.equal(level([]), 'warn');
  assert.equal(level(['unbindable']), 'warn');
  assert.equal(level(['shared:1'], []), 'warn', 'the mount on top counts');
});
