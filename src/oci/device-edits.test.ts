import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDevices, editEnvironment, editMounts, joinEdits, NO_EDITS } from './device-edits.ts';

test('a variable that is there gets its new value in its place', () => {
  assert.deepEqual(editEnvironment(['A=1', 'B=2'], ['A=3', 'C=4', 'C=5']), ['A=3', 'B=2', 'C=5']);
});

test('a node replaces the one at its path, and may be used as far as it says', () => {
  const node = (path: string, minor: number, type: 'c' | 'p' = 'c') => ({ path, type, major: 1, minor });
  const given = { devices: [node('/dev/a', 3), node('/dev/b', 5)], rules: [{ allow: false, access: 'rwm' }] };
  const added = [
    { device: node('/dev/a', 9), access: 'r' },
    { device: node('/dev/p', 0, 'p'), access: 'rwm' },
  ];
  assert.deepEqual(editDevices(given, added), {
    devices: [node('/dev/b', 5), node('/dev/a', 9), node('/dev/p', 0, 'p')],
    rules: [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'c', major: 1, minor: 9, access: 'r' },
    ],
  });
});

test('a mount replaces the one at its target and comes before what is below it', () => {
  const mount = (destination: string, source = '') => ({ destination, source, options: [] });
  const system = ['/proc', '/dev', '/dev/shm'].map((path) => mount(path));
  const added = [mount('/x/y'), mount('/x'), mount('/dev/shm', 'other')];
  assert.deepEqual(editMounts(system, added), [
    mount('/proc'),
    mount('/dev'),
    mount('/x'),
    mount('/x/y'),
    mount('/dev/shm', 'other'),
  ]);
});

test('edits follow one another', () => {
  const one = { ...NO_EDITS, env: ['A=1'], hooks: { prestart: [{ path: '/a' }] } };
  const two = { ...NO_EDITS, env: ['B=1'], hooks: { prestart: [{ path: '/b' }], poststop: [{ path: '/c' }] } };
  assert.deepEqual(joinEdits([one, two]), {
    ...NO_EDITS,
    env: ['A=1', 'B=1'],
    hooks: { prestart: [{ path: '/a' }, { path: '/b' }], poststop: [{ path: '/c' }] },
  });
});
