import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CONNECTED, EngineOnFakes } from '../../test/harness/engine-on-fakes.ts';
import { makeRecord } from '../../test/oci/fixture.ts';
import type { ContainerRecord, ContainerState } from '../model/container.ts';
import { restoreContainers } from './restore.ts';

let engine: EngineOnFakes;
beforeEach(() => void (engine = new EngineOnFakes()));
afterEach(() => engine.close());

const ran = (code: number) =>
  ({ running: false, exitCode: code, oomKilled: false, at: '2024-01-01T00:00:10Z' }) as const;

/** A container as an earlier daemon left it. */
function left(
  name: string,
  state: Partial<ContainerState>,
  changes: { host?: object; record?: object } = {},
): Promise<ContainerRecord> {
  const record = makeRecord('true', { ...changes, record: { name, ...CONNECTED, ...changes.record } });
  return engine.add({ ...record, state: { ...record.state, startedAt: '2024-01-01T00:00:00Z', ...state } });
}

const leftRunning = async (name: string, changes: Parameters<typeof left>[2] = {}): Promise<ContainerRecord> => {
  const record = await left(name, { status: 'running', pid: 50 }, changes);
  engine.found.set(record.id, { running: true, pid: 50 });
  return record;
};

test('what runs is adopted, with its probes; a stop that was cut off has not happened', async () => {
  const { id } = await leftRunning('web', { record: { stoppedByUser: true } });
  await restoreContainers(engine.parts);
  const { state, stoppedByUser } = engine.record(id);
  assert.deepEqual([state.status, state.pid, stoppedByUser], ['running', 50, false]);
  assert.ok(engine.calls.includes('health.watch'));
  assert.deepEqual(engine.events, []);
});

test('names of a container that was found unhealthy are withdrawn again', async () => {
  await leftRunning('web');
  const { id } = await left('sick', {
    status: 'running',
    pid: 60,
    health: { status: 'unhealthy', failingStreak: 3, log: [] },
  });
  engine.found.set(id, { running: true, pid: 60 });
  await restoreContainers(engine.parts);
  assert.equal(engine.calls.filter((call) => call === 'network.setHealth false').length, 1);
});

test('an exit missed while the daemon was down is handled like any other, after networks are restored', async () => {
  const { id } = await left('web', { status: 'running', pid: 50 });
  engine.found.set(id, ran(3));
  await restoreContainers(engine.parts);
  assert.deepEqual(
    [engine.stored.get(id)!.state.status, engine.stored.get(id)!.state.exitCode, engine.events],
    ['exited', 3, ['die']],
  );
  assert.ok(
    engine.calls.findIndex((call) => call.startsWith('network.restore')) < engine.calls.indexOf('runtime.delete'),
  );
});

test('a container that cannot be looked for at once is not taken for ended', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { id } = await leftRunning('web');
  engine.fail('runtime.recover', new Error('too many open files'));
  const restored = restoreContainers(engine.parts);
  await new Promise(setImmediate);
  engine.mend();
  t.mock.timers.tick(250);
  await restored;
  assert.equal(engine.record(id).state.status, 'running');
});

test('a container that ends while the daemon restores is not adopted after that', async () => {
  const { id } = await leftRunning('web');
  engine.during('network.restore 1', () => engine.exit(id, 9));
  await restoreContainers(engine.parts);
  assert.deepEqual(
    [engine.record(id).state.status, engine.record(id).state.pid, engine.calls.includes('health.watch')],
    ['exited', 0, false],
  );
});

for (const moment of ['runtime.recover', 'network.restore 1']) {
  test(`one with --rm that ends during ${moment} does not keep the daemon from starting`, async () => {
    const { id } = await leftRunning('web', { host: { autoRemove: true } });
    engine.during(moment, () => engine.exit(id, 0));
    await restoreContainers(engine.parts);
    assert.equal(engine.stored.has(id), false);
  });
}

test('a start that no record knows is undone in the runtime', async () => {
  const { id } = await left('web', { status: 'created' });
  engine.found.set(id, { running: true, pid: 70 });
  engine.made.set(id, 70);
  await restoreContainers(engine.parts);
  assert.deepEqual([engine.leftOf(id), engine.record(id).state.status], [[], 'created']);
});

test('what a container is connected to is what its network says, its name what the record says', async () => {
  const { id } = await engine.addRunning(makeRecord('true', { record: { name: 'web', ...CONNECTED } }));
  engine.found.set(id, { running: true, pid: 50 });
  await engine.parts.containers.locked(id, (held) =>
    held.save((now) => ({ ...now, name: 'renamed', connections: [] })),
  );
  await restoreContainers(engine.parts);
  assert.deepEqual(
    engine.stored.get(id)!.connections.map(({ networkName }) => networkName),
    ['net'],
  );
  assert.ok(engine.calls.includes('network.rename renamed'));
});

test('a removal that was cut off is finished; one that cannot be does not keep the daemon from starting', async () => {
  const { id } = await left('going', { status: 'removing' });
  const ended = await left('ended', { status: 'exited' }, { host: { autoRemove: true } });
  await restoreContainers(engine.parts);
  assert.deepEqual([engine.stored.has(id), engine.stored.has(ended.id)], [false, false]);

  const stays = await left('stays', { status: 'removing' });
  engine.fail('store');
  await restoreContainers(engine.parts);
  assert.equal(engine.record(stays.id).name, 'stays');
});

test('an unused network is removed, but not while a container waits for its restart', async () => {
  const gone = await engine.addRunning(makeRecord('true', { record: { name: 'gone', ...CONNECTED } }));
  const waits = await engine.addRunning(makeRecord('true', { record: { name: 'waits', ...CONNECTED } }));
  for (const [{ id }, status] of [
    [gone, 'exited'],
    [waits, 'restarting'],
  ] as const) {
    await engine.parts.containers.locked(
      id,
      async (held) => void held.update((now) => ({ ...now, state: { ...now.state, status, pid: 0 } })),
    );
  }
  await restoreContainers(engine.parts);
  assert.deepEqual([engine.sandboxes.has(gone.id), engine.sandboxes.has(waits.id)], [false, true]);
});
