import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CONNECTED, EngineOnFakes } from '../../../test/harness/engine-on-fakes.ts';
import { makeRecord } from '../../../test/oci/fixture.ts';
import { conflict } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { StartError } from '../../model/start-error.ts';
import { startContainer } from './container-start.ts';

let engine: EngineOnFakes;
beforeEach(() => void (engine = new EngineOnFakes()));
afterEach(() => engine.close());

const container = (changes: Parameters<typeof makeRecord>[1] = {}): Promise<ContainerRecord> =>
  engine.add(makeRecord('true', { ...changes, record: { ...CONNECTED, ...changes.record } }));

test('root file system, network, runtime, record, process, then the event', async () => {
  const { id } = await container();
  await startContainer(engine.parts, id);
  assert.deepEqual(engine.calls, [
    'files.prepare', 'rootfs.mount', 'network.setHealth true', 'network.join', 'runtime.create', 'network.containerStarted', 'store', 'runtime.start', 'health.watch',
  ]); // prettier-ignore
  assert.deepEqual(engine.events, ['network connect', 'start']);
  const { state } = engine.record(id);
  assert.deepEqual([state.status, state.pid], ['running', engine.made.get(id)]);
  assert.deepEqual(engine.stored.get(id), engine.record(id), 'a daemon that comes next finds it');
});

const STEPS = [
  'files.prepare',
  'rootfs.mount',
  'network.setHealth true',
  'network.join',
  'runtime.create',
  'network.containerStarted',
  'runtime.start',
];
for (const step of STEPS) {
  test(`a start that fails at ${step} leaves nothing of the run, and the container as before but for why`, async () => {
    const before = await container();
    engine.fail(step);
    await assert.rejects(startContainer(engine.parts, before.id), new RegExp(`${step} failed`));
    assert.deepEqual(engine.leftOf(before.id), []);
    const { state, ...rest } = engine.record(before.id);
    const { state: stateBefore, ...restBefore } = before;
    assert.deepEqual(rest, restBefore);
    assert.deepEqual({ ...state, error: '' }, { ...stateBefore, exitCode: 128 });
    assert.match(state.error, new RegExp(`${step} failed`));
    assert.deepEqual(engine.stored.get(before.id), engine.record(before.id));
    const left = STEPS.indexOf(step) > STEPS.indexOf('network.join') ? ['network disconnect'] : [];
    assert.deepEqual(engine.events, left, 'of a start that was none, Docker tells that it has left the network');
    engine.mend();
    await startContainer(engine.parts, before.id);
    assert.equal(engine.record(before.id).state.error, '');
  });
}

test('a start whose record cannot be stored leaves nothing of the run; the reason is kept while the daemon runs', async () => {
  const before = await container();
  engine.fail('store', new Error('no space left on device'));
  await assert.rejects(startContainer(engine.parts, before.id), /no space left/);
  assert.deepEqual(
    [engine.leftOf(before.id), engine.record(before.id).state.error, engine.record(before.id).state.status],
    [[], 'no space left on device', 'created'],
  );
  assert.equal(engine.calls.includes('runtime.start'), false, 'nothing runs that no record knows');
  assert.deepEqual(engine.stored.get(before.id), before);
});

test('what of the undo fails does not keep the rest from being undone', async () => {
  const { id } = await container();
  engine.fail('runtime.start');
  engine.fail('runtime.delete');
  engine.fail('network.leave');
  await assert.rejects(startContainer(engine.parts, id), /runtime.start failed/);
  assert.equal(engine.mounted.has(id), false);
  assert.deepEqual(
    engine.calls.filter((call) => /leave|delete|unmount/.test(call)),
    ['runtime.delete', 'network.leave', 'rootfs.unmount', 'network.leave'],
  );
  assert.equal(engine.record(id).state.pid, 0);
});

test("the program's own fault is the exit code that Docker has for it", async () => {
  const { id } = await container();
  engine.fail('runtime.create', new StartError('exec: "nosuch": executable file not found in $PATH', 127));
  await assert.rejects(startContainer(engine.parts, id));
  assert.equal(engine.record(id).state.exitCode, 127);
});

test('with --rm, a container that cannot be started is removed, with an event', async () => {
  const { id } = await container({ host: { autoRemove: true } });
  engine.fail('network.join', conflict('port is already allocated'));
  await assert.rejects(startContainer(engine.parts, id), {
    kind: 'conflict',
    message: 'failed to set up container networking: port is already allocated',
  });
  assert.deepEqual(
    [engine.leftOf(id), engine.stored.size, engine.removedRoots.has(id), engine.events],
    [[], 0, true, ['destroy']],
  );
});

test('clients attached before a failed start are disconnected', async () => {
  const { id } = await container();
  const session = engine.parts.attaches.defer(id, { tty: false, stdin: false });
  engine.fail('network.join');
  await assert.rejects(startContainer(engine.parts, id));
  const output: unknown[] = [];
  for await (const frame of session.output) output.push(frame);
  assert.deepEqual(output, []);
});

test('a network that stayed over a restart goes with the start that fails before it comes to the network', async () => {
  const { id } = await engine.addRunning(makeRecord('true', { record: CONNECTED }));
  await engine.parts.containers.locked(
    id,
    async (held) => void held.update((now) => ({ ...now, state: { ...now.state, status: 'restarting', pid: 0 } })),
  );
  engine.fail('rootfs.mount');
  await assert.rejects(engine.start(id));
  assert.equal(engine.sandboxes.has(id), false);
  assert.equal(engine.record(id).state.status, 'exited');
});

test('a container that joins one that does not run is refused before anything begins', async () => {
  const owner = await container();
  const sharer = makeRecord('true', { record: { name: 'sharer' } });
  const { id } = await engine.add({
    ...sharer,
    spec: { ...sharer.spec, connection: { ...sharer.spec.connection, networkMode: `container:${owner.id}` } },
  });
  await assert.rejects(startContainer(engine.parts, id), {
    kind: 'conflict',
    message: /cannot join network namespace of a non running container/,
  });
  assert.deepEqual(engine.calls, ['store'], 'that it failed');
});

test('two starts at once are one, and a refusal', async () => {
  const { id } = await container();
  const [first, second] = await Promise.allSettled([
    startContainer(engine.parts, id),
    startContainer(engine.parts, id),
  ]);
  assert.equal(first.status, 'fulfilled');
  assert.equal(second.status === 'rejected' && second.reason.kind, 'notModified');
  assert.equal(engine.calls.filter((call) => call === 'runtime.create').length, 1);
});

test('an exit that comes while the start is under way is settled after it', async () => {
  const { id } = await container();
  let ended: Promise<void> | undefined;
  engine.during('runtime.start', async () => {
    ended = engine.exit(id, 3);
  });
  await startContainer(engine.parts, id);
  await ended;
  assert.deepEqual(engine.events, ['network connect', 'start', 'network disconnect', 'die']);
  assert.deepEqual(
    [engine.leftOf(id), engine.record(id).state.status, engine.record(id).state.exitCode],
    [[], 'exited', 3],
  );
});

test('what was removed before its turn came is not started', async () => {
  const { id } = await container();
  const removed = engine.parts.containers.locked(id, (held) => engine.parts.remove(held, { volumes: true }));
  await assert.rejects(startContainer(engine.parts, id), { kind: 'notFound', message: `No such container: ${id}` });
  await removed;
  assert.equal(engine.calls.includes('rootfs.mount'), false);
});
