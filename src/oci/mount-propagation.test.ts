import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPropagation, passesMounts } from './mount-propagation.ts';

const POINTS = [
  { target: '/', propagation: [] },
  { target: '/host', propagation: ['master:1'] },
  { target: '/host/own', propagation: ['shared:7', 'master:1'] },
  { target: '/host/own/private', propagation: [] },
  { target: '/over', propagation: ['shared:8'] },
  { target: '/over', propagation: [] },
];
const check = (real: string, propagation: string) =>
  checkPropagation({ source: '/as/written', real, propagation }, POINTS);
const refused = (target: string, what: string) => ({
  kind: 'system',
  message: new RegExp(`^path /as/written is mounted on ${target} but it is not a ${what} mount`),
});

test('a bind passes mounts on where the mount of its source does', () => {
  for (const propagation of ['slave', 'rslave']) {
    check('/host/a', propagation);
    check('/host/own', propagation);
    assert.throws(() => check('/hosts', propagation), refused('/', 'shared or slave'));
    assert.throws(() => check('/host/own/private/a', propagation), refused('/host/own/private', 'shared or slave'));
    assert.throws(() => check('/over/a', propagation), refused('/over', 'shared or slave'));
  }
  for (const propagation of ['shared', 'rshared']) {
    check('/host/own/a', propagation);
    assert.throws(() => check('/host/a', propagation), refused('/host', 'shared'));
    assert.throws(() => check('/a', propagation), refused('/', 'shared'));
  }
});

test('only shared and slave pass mounts on', () => {
  assert.deepEqual(['', 'private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared'].filter(passesMounts), [
    'slave',
    'rslave',
    'shared',
    'rshared',
  ]);
});
