import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerSpec } from '../../model/container.ts';
import { resolveMounts } from './container-mounts.ts';

const bind = (target: string, readonly: boolean, options: object = {}) => ({
  type: 'bind',
  source: '/src',
  target,
  readonly,
  bind: { propagation: '', nonRecursive: false, createMountpoint: false, ...options },
  volume: null,
  tmpfs: null,
});

async function below(readonlyTopOnly: boolean): Promise<Record<string, string | undefined>> {
  const spec = {
    volumes: [],
    host: {
      volumesFrom: [],
      binds: ['/src:/text:ro', '/src:/writable'],
      mounts: [bind('/mount', true), bind('/none', true, { nonRecursive: true }), bind('/rw', false)],
      tmpfs: {},
      readonlyTopOnly,
    },
  } as unknown as ContainerSpec;
  const points = await resolveMounts(spec, {
    dataRoot: '/var/lib/engine',
    sources: { make: async () => {}, isThere: async () => true },
    images: {},
    volumes: {},
    findContainer: () => assert.fail(),
  } as never);
  return Object.fromEntries(points.map((point) => [point.destination, point.below]));
}

test('what is mounted below a read-only bind is read-only too, of -v and --mount', async () => {
  assert.deepEqual(await below(false), {
    '/mount': undefined,
    '/none': 'left out',
    '/rw': undefined,
    '/text': undefined,
    '/writable': undefined,
  });
});

test('for API clients older than 1.44 it stays writable, of -v and --mount', async () => {
  assert.deepEqual(await below(true), {
    '/mount': 'writable',
    '/none': 'left out',
    '/rw': undefined,
    '/text': 'writable',
    '/writable': undefined,
  });
});
