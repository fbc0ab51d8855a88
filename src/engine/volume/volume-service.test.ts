import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { VolumeService } from './volume-service.ts';

const directory = mkdtempSync(join(tmpdir(), 'cwt-volumes-'));
after(() => rmSync(directory, { recursive: true, force: true }));

test('volumes of a container that is being created are in use: neither prune nor rm takes them', async () => {
  const volumes = new VolumeService({
    store: { values: () => [], put: async () => {}, remove: async () => {} },
    root: join(directory, 'volumes'),
    users: { usersOf: () => [] },
    sources: { lookThrough: async () => {} },
    events: { publish: () => {} },
    clock: { nowNs: () => 0n },
  } as unknown as ConstructorParameters<typeof VolumeService>[0]);
  const spec = { driver: '', labels: {}, options: {} };
  await volumes.create({ ...spec, name: 'older' });
  await volumes.create({ ...spec, name: 'idle' });
  const made = await volumes.create({ ...spec, name: '', madeFor: 'coming' });
  const { mountpoint } = await volumes.create({ ...spec, name: 'older', madeFor: 'coming' });

  assert.deepEqual((await volumes.prune({ all: ['true'] })).deleted, ['idle']);
  await assert.rejects(volumes.remove('older', true), { message: 'remove older: volume is in use - [coming]' });
  assert.ok(existsSync(mountpoint));

  volumes.release('coming');
  assert.deepEqual((await volumes.prune({ all: ['true'] })).deleted.toSorted(), [made.name, 'older'].toSorted());
});
