import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepContainers } from './step-containers.ts';

test('a step of an earlier daemon that cannot be removed keeps this one from nothing', async () => {
  const warned: unknown[] = [];
  const needs = {
    containers: {
      all: () => ['a', 'b'].map((id) => ({ id, spec: { buildStep: true } })),
      find: () => {
        throw new Error('its files cannot be removed');
      },
    },
    log: { warn: ({ container }: { container: string }) => warned.push(container) },
  };
  await stepContainers(needs as unknown as Parameters<typeof stepContainers>[0]).removeLeft();
  assert.deepEqual(warned, ['a', 'b']);
});
