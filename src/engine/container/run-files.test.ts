import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeRecord } from '../../../test/oci/fixture.ts';
import { systemError } from '../../base/errors.ts';
import { PropagationError } from '../../oci/mount-propagation.ts';
import { RunFiles } from './run-files.ts';

async function passing(source: string, propagation: string, failure: Error | undefined): Promise<string> {
  const mount = {
    type: 'bind' as const,
    name: '',
    source,
    destination: '/b',
    driver: '',
    mode: '',
    rw: true,
    noCopy: true,
  };
  const files = new RunFiles({
    config: { dataRoot: '/var/lib/engine', execRoot: '/run/engine' },
    volumes: { get: () => undefined },
    sources: {
      checkPropagation: async () => {
        if (failure) throw failure;
      },
      lookThrough: async () => {},
      filesAmong: async () => new Set(),
    },
  } as never);
  const record = { ...makeRecord('true'), mounts: [{ ...mount, propagation, tmpfsOptions: '' }] };
  return (await files.prepare(record)).mounts[0]!.propagation;
}

const passesNothing = new PropagationError('system', 'path / is mounted on / but it is not a shared or slave mount');

test("a bind around the engine's own directories starts where the host shares no mounts, any other is refused", async () => {
  assert.equal(await passing('/var', 'rslave', undefined), 'rslave');
  assert.equal(await passing('/var', 'rslave', passesNothing), 'rprivate');
  await assert.rejects(passing('/var', 'rshared', passesNothing), passesNothing);
  await assert.rejects(passing('/srv', 'rslave', passesNothing), passesNothing);
});

test('a source that cannot be looked at is told, wherever it is', async () => {
  await assert.rejects(passing('/var', 'rslave', systemError('lstat /var: input/output error')), /input\/output/);
});
