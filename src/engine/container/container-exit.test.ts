import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CONNECTED, EngineOnFakes } from '../../../test/harness/engine-on-fakes.ts';
import { makeRecord } from '../../../test/oci/fixture.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { noteOom } from './container-exit.ts';
import { startContainer } from './container-start.ts';
import { attachContainer } from './container-streams.ts';

let engine: EngineOnFakes;
beforeEach(() => void (engine = new EngineOnFakes()));
afterEach(() => engine.close());

const ALWAYS = { restartPolicy: { name: 'always', maximumRetryCount: 0 } };
const running = (host: object = {}): Promise<ContainerRecord> =>
  engine.addRunning(makeRecord('true', { host, record: CONNECTED }));
test('an exit tears the run down, is stored, then waiters are notified, in that order', async () => {
  const { id } = await running();
  let toldAfter: string[] = [];
  const waited = engine.parts.waits.next(id, 'exit').then((exit) => {
    toldAfter = [...engine.calls];
    return exit;
  });
  await engine.exit(id, 7);
  assert.deepEqual(await waited, { exitCode: 7, error: '' });
  assert.ok(toldAfter.includes('store'));
  assert.deepEqual(engine.leftOf(id), []);
  assert.deepEqual(engine.events, ['network disconnect', 'die']);
  const { state } = engine.stored.get(id)!;
  assert.deepEqual([state.status, state.pid, state.exitCode], ['exited', 0, 7]);
});

const PARTS = ['network.leave', 'runtime.delete', 'rootfs.unmount', 'files.unmountSharedMemory', 'store'];
for (const part of PARTS) {
  test(`an exit whose ${part} fails goes on with the rest, and does that again a second later`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { id } = await running();
    const waited = engine.parts.waits.next(id, 'exit');
    engine.fail(part);
    await engine.exit(id, 0);
    await waited;
    assert.deepEqual([engine.record(id).state.status, engine.events], ['exited', ['network disconnect', 'die']]);
    for (const other of PARTS) assert.ok(engine.calls.includes(other), `${other} is done all the same`);
    engine.mend();
    engine.calls.length = 0;
    t.mock.timers.tick(1000);
    await engine.idle(id);
    assert.ok(engine.calls.includes(part));
    assert.deepEqual([engine.leftOf(id), engine.stored.get(id)!.state.status], [[], 'exited']);
  });
}

/** Holds that part up until the result is called. */
function holdUp(part: string): () => void {
  let go!: () => void;
  const held = new Promise<void>((resolve) => (go = resolve));
  engine.during(part, () => held);
  return go;
}

const reaches = async (call: string): Promise<void> => {
  while (!engine.calls.includes(call)) await new Promise((resolve) => setImmediate(resolve));
};

test('an exit is told when it is stored and its network is gone; a start waits for the rest', async () => {
  const { id } = await running();
  const letGo = holdUp('runtime.delete');
  const waited = engine.parts.waits.next(id, 'exit');
  let logOver = false;
  engine.parts.logs.ended = () => void (logOver = true);
  const exit = engine.exit(id, 3);
  assert.deepEqual(await waited, { exitCode: 3, error: '' });
  assert.ok(logOver, 'who is told may read the last line of the log');
  assert.equal(engine.stored.get(id)!.state.status, 'exited');
  assert.deepEqual(engine.leftOf(id), ['root file system', 'runtime']);
  engine.calls.length = 0;
  const start = engine.start(id);
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(!engine.calls.includes('network.join'));
  letGo();
  await Promise.all([exit, start]);
  assert.ok(engine.calls.indexOf('rootfs.unmount') < engine.calls.indexOf('network.join'), engine.calls.join());
});

test("without a PID namespace of its own the end is told when the runtime has ended the container's other processes", async () => {
  const { id } = await running({ pidMode: 'host' });
  const letGo = holdUp('runtime.delete');
  let told = false;
  const waited = engine.parts.waits.next(id, 'exit').then(() => (told = true));
  const exit = engine.exit(id, 0);
  await reaches('store');
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(!told);
  letGo();
  await Promise.all([exit, waited]);
});

test('an exit is stored while its network goes, and seen by nobody before that is gone', async () => {
  const { id } = await running();
  const letGo = holdUp('network.leave');
  let told = false;
  const waited = engine.parts.waits.next(id, 'exit').then(() => (told = true));
  const exit = engine.exit(id, 3);
  await reaches('store');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([engine.stored.get(id)!.state.status, engine.record(id).state.status], ['exited', 'running']);
  assert.ok(!told);
  letGo();
  await Promise.all([exit, waited]);
  assert.equal(engine.record(id).state.status, 'exited');
});

test('what is still to be done of an exit is left when the container runs again by then', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { id } = await running();
  engine.fail('rootfs.unmount');
  await engine.exit(id, 0);
  engine.mend();
  await engine.start(id);
  t.mock.timers.tick(1000);
  await engine.idle(id);
  assert.deepEqual(engine.leftOf(id), ['network', 'root file system', 'runtime']);
});

for (const [how, host, expected] of [
  ['with no policy', {}, 'exited'],
  ['that is started again', ALWAYS, 'restarting'],
  ['with --rm', { autoRemove: true }, 'exited'],
] as const) {
  test(`nothing is told of the end of a container ${how} before it can be seen`, async () => {
    const { id } = await running(host);
    const seen: string[] = [];
    engine.parts.events.listen(({ action }) => {
      if (action === 'destroy') return;
      const kept = 'autoRemove' in host ? '' : ` ${engine.stored.get(id)?.state.status}`;
      seen.push(`${action}: ${engine.record(id).state.status}${kept}`);
    });
    await engine.exit(id, 1);
    const kept = 'autoRemove' in host ? '' : ` ${expected}`;
    assert.deepEqual(seen, [`disconnect: ${expected}${kept}`, `die: ${expected}${kept}`]);
    engine.parts.restarts.forget(id);
  });
}

test('the output of an attached client ends when the end of the container is settled', async () => {
  const { id } = await running();
  const order: string[] = [];
  engine.session = {
    tty: false,
    output: (async function* () {
      yield { stream: 'stdout', data: Buffer.from('last words') } as const;
    })(),
    writeStdin: async () => {},
    closeStdin: async () => {},
    detach: () => {},
  };
  const attached = await attachContainer(engine.parts, id, {
    stdin: false,
    stdout: true,
    stderr: true,
    stream: true,
    logs: false,
  });
  let store!: () => void;
  engine.during('store', () => new Promise((resolve) => (store = resolve)));
  const exit = engine.exit(id, 0);
  const read = (async () => {
    for await (const { data } of attached.output) order.push(data.toString());
    order.push(`over: ${engine.record(id).state.status}`);
  })();
  while (!engine.calls.includes('store')) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  order.push('stored');
  store();
  await Promise.all([exit, read]);
  assert.deepEqual(order, ['last words', 'stored', 'over: exited']);
});

test('an exit that has been dealt with is none', async () => {
  const { id } = await running();
  await engine.exit(id, 0);
  engine.events.length = 0;
  await engine.exit(id, 1);
  assert.deepEqual([engine.events, engine.record(id).state.exitCode], [[], 0]);
});

test('a policy starts it again after its delay, and counts', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { id } = await running(ALWAYS);
  await engine.exit(id, 1);
  assert.deepEqual(
    [engine.record(id).state.status, engine.stored.get(id)!.state.status, engine.leftOf(id)],
    ['restarting', 'restarting', []],
  );
  t.mock.timers.tick(100);
  await engine.idle(id);
  assert.deepEqual([engine.record(id).state.status, engine.record(id).restartCount], ['running', 1]);
});

test('a restart that cannot start counts too, and is tried again after the next delay', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { id } = await running(ALWAYS);
  await engine.exit(id, 1);
  engine.fail('network.join');
  t.mock.timers.tick(100);
  await engine.idle(id);
  assert.deepEqual(
    [engine.record(id).state.status, engine.record(id).restartCount, engine.leftOf(id)],
    ['restarting', 2, []],
  );
  engine.mend();
  t.mock.timers.tick(200);
  await engine.idle(id);
  assert.deepEqual([engine.record(id).state.status, engine.record(id).restartCount], ['running', 2]);
});

test('want of memory in a container that runs is told and stored at once, and not again when it ends', async () => {
  const { id } = await running();
  await noteOom(engine.parts, id);
  await noteOom(engine.parts, id); // as the next daemon finds it
  assert.deepEqual([engine.events, engine.record(id).state.status], [['oom'], 'running']);
  assert.equal(engine.stored.get(id)?.state.oomKilled, true);
  await engine.exit(id, 137, { oomKilled: true });
  assert.equal(engine.record(id).state.oomKilled, true);
  assert.deepEqual(
    engine.events.filter((event) => event === 'oom'),
    ['oom'],
  );
  await noteOom(engine.parts, id);
  assert.equal(engine.events.filter((event) => event === 'oom').length, 1, 'of a run that is over');
});

test('a start of a container that waits to be restarted changes nothing, and its turn comes', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { id } = await running(ALWAYS);
  await engine.exit(id, 1);
  const before = engine.record(id);
  await assert.rejects(startContainer(engine.parts, id), { kind: 'notModified' });
  assert.deepEqual(engine.record(id), before);
  t.mock.timers.tick(100);
  await engine.idle(id);
  assert.deepEqual([engine.record(id).state.status, engine.record(id).restartCount], ['running', 1]);
});

test('a restart does not come when the user has removed the container before its delay was over', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { id } = await running(ALWAYS);
  await engine.exit(id, 1);
  await engine.parts.containers.locked(id, (held) => engine.parts.remove(held, { volumes: true }));
  engine.calls.length = 0;
  t.mock.timers.tick(60_000);
  await engine.idle(id);
  assert.deepEqual(engine.calls, []);
});

test('with --rm the container is removed with its run; what cannot be removed yet is removed later, and no client waits for it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { id } = await running({ autoRemove: true });
  const waited = engine.parts.waits.next(id, 'removal');
  engine.fail('rootfs.remove');
  const again = new Promise<void>((resolve) =>
    engine.during('rootfs.remove', async () => engine.during('rootfs.remove', async () => resolve())),
  );
  await engine.exit(id, 5);
  assert.deepEqual(await waited, { exitCode: 5, error: '' });
  assert.deepEqual([engine.stored.size, engine.events], [0, ['network disconnect', 'die', 'destroy']]);
  engine.mend();
  t.mock.timers.tick(1000);
  await again;
});

test('a removal with --rm that cannot be stored is done again; until then the container has ended', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { id } = await running({ autoRemove: true });
  engine.fail('store');
  await engine.exit(id, 0);
  assert.equal(engine.record(id).state.status, 'exited');
  engine.mend();
  t.mock.timers.tick(1000);
  await engine.idle(id);
  assert.deepEqual([engine.stored.size, engine.events.at(-1)], [0, 'destroy']);
});

test('a restarting container keeps the network that others share', async () => {
  const { id } = await running(ALWAYS);
  const sharer = makeRecord('true', { record: { name: 'sharer' } });
  await engine.addRunning({
    ...sharer,
    spec: { ...sharer.spec, connection: { ...sharer.spec.connection, networkMode: `container:${id}` } },
  });
  await engine.exit(id, 1);
  assert.deepEqual([engine.leftOf(id), engine.events], [['network'], ['die']]);
  engine.parts.restarts.forget(id);
});
