/** What clients ask of a container whose process has just ended, while its record says that it runs. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CONNECTED, EngineOnFakes } from '../../../test/harness/engine-on-fakes.ts';
import { makeRecord } from '../../../test/oci/fixture.ts';
import { commitContainer, type CommitNeeds } from './container-archive.ts';
import { attachContainer } from './container-streams.ts';
import { readStats } from './container-stats.ts';
import { pauseContainer, unpauseContainer } from './container-stop.ts';
import { updateContainer } from './container-update.ts';
import { topContainer } from './container-views.ts';
import { claimExec, createExec } from '../exec/exec-service.ts';

let engine: EngineOnFakes;
let id: string;
beforeEach(async () => {
  engine = new EngineOnFakes();
  ({ id } = await engine.addRunning(makeRecord('true', { record: CONNECTED })));
});
afterEach(() => engine.close());

const COMMIT = { repo: 'made', tag: '', comment: '', author: '', pause: true, changes: [] };
const committing = (): CommitNeeds & { made: number } => {
  const parts = {
    ...engine.parts,
    made: 0,
    images: { byId: (image: string) => ({ id: image }), commitLayer: async () => (parts.made++, 'sha256:made') },
    rootfs: { ...engine.parts.rootfs, upperDir: () => engine.dir },
  } as unknown as CommitNeeds & { made: number };
  return parts;
};
const fail = (call: string): void => engine.fail(call, new Error('crun says: No such process'));

test('pause and unpause say that it is not running', async () => {
  engine.unnoticed.add(id);
  fail('runtime.pause');
  await assert.rejects(pauseContainer(engine.parts, id), {
    kind: 'conflict',
    message: `container ${id} is not running`,
  });
  engine.unnoticed.clear();
  engine.mend();
  await pauseContainer(engine.parts, id);
  engine.unnoticed.add(id);
  fail('runtime.resume');
  await assert.rejects(unpauseContainer(engine.parts, id), {
    kind: 'conflict',
    message: `container ${id} is not running`,
  });
});

test('what a runtime refuses while it runs is reported as it is', async () => {
  fail('runtime.pause');
  await assert.rejects(pauseContainer(engine.parts, id), /No such process/);
  fail('runtime.update');
  await assert.rejects(
    updateContainer(engine.parts, id, { resources: { memoryBytes: 1e9, memorySwapBytes: 2e9 } }),
    /No such process/,
  );
  await assert.rejects(commitContainer(committing(), id, COMMIT), /No such process/);
});

test('limits are those of its next run', async () => {
  engine.unnoticed.add(id);
  fail('runtime.update');
  await updateContainer(engine.parts, id, { resources: { memoryBytes: 1e9, memorySwapBytes: 2e9 } });
  assert.equal(engine.stored.get(id)!.spec.host.resources.memoryBytes, 1e9);
});

test('top says that it is not running, stats are those of a container that does not', async () => {
  engine.unnoticed.add(id);
  await assert.rejects(topContainer(engine.parts, id, ''), {
    kind: 'conflict',
    message: `container ${id} is not running`,
  });
  fail('runtime.processes');
  await assert.rejects(topContainer(engine.parts, id, ''), /is not running/);
  assert.equal((await readStats(engine.parts, id)).stats, null);
});

test('commit is made of what it left', async () => {
  engine.unnoticed.add(id);
  fail('runtime.pause');
  const parts = committing();
  await commitContainer(parts, id, COMMIT);
  assert.equal(parts.made, 1);
});

test('commit is made when it is killed, or unpaused by another client, meanwhile', async () => {
  const parts = committing();
  fail('runtime.resume');
  engine.during('runtime.resume', async () => void engine.unnoticed.add(id));
  await commitContainer(parts, id, COMMIT);
  engine.unnoticed.clear();
  engine.mend();
  const { commitLayer } = parts.images;
  await commitContainer(
    {
      ...parts,
      images: {
        ...parts.images,
        commitLayer: async (request) => {
          await unpauseContainer(engine.parts, id);
          return commitLayer(request);
        },
      },
    },
    id,
    COMMIT,
  );
  assert.equal(parts.made, 2);
});

test('exec and attach say that it is not running', async () => {
  const refusal = { kind: 'conflict', message: `container ${id} is not running` };
  const spec = { cmd: ['true'], env: [], user: '', workingDir: '', detachKeys: '' } as unknown as Parameters<
    typeof createExec
  >[2];
  const runtime = { ...engine.parts.runtime, exec: () => Promise.reject(new Error('No such process')) };
  const exec = claimExec({ ...engine.parts, runtime }, await createExec(engine.parts, id, spec));
  engine.unnoticed.add(id);
  await assert.rejects(exec.start({ detach: false, consoleSize: null }), refusal);
  const options = { stdin: false, stdout: true, stderr: true, stream: true, logs: false };
  await assert.rejects(attachContainer(engine.parts, id, options), refusal);
});
