import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CONNECTED, EngineOnFakes } from '../../../test/harness/engine-on-fakes.ts';
import { makeRecord } from '../../../test/oci/fixture.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { PATIENCE } from '../../oci/patience.ts';
import { removeContainer } from './container-remove.ts';
import { renameContainer } from './container-rename.ts';
import { restartContainer } from './container-restart.ts';
import { resizeContainer } from './container-streams.ts';
import { killContainer, pauseContainer, stopContainer, unpauseContainer } from './container-stop.ts';

let engine: EngineOnFakes;
beforeEach(() => void (engine = new EngineOnFakes()));
afterEach(() => engine.close());

const ALWAYS = { restartPolicy: { name: 'always', maximumRetryCount: 0 } };
const running = (host: object = {}): Promise<ContainerRecord> =>
  engine.addRunning(makeRecord('true', { host, record: CONNECTED }));
const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The process ends at that signal. */
const endsAt = (id: string, signal: number): void =>
  engine.during(`runtime.kill ${signal}`, async () => void engine.exit(id, 128 + signal));

test('stop answers when the run has been taken down; that the user wanted it is stored before the signal', async () => {
  const { id } = await running(ALWAYS);
  endsAt(id, 15);
  await stopContainer(engine.parts, id, { timeoutS: 10 });
  assert.ok(engine.calls.indexOf('store') < engine.calls.indexOf('runtime.kill 15'));
  assert.deepEqual(engine.events, ['kill', 'network disconnect', 'stop', 'die']);
  const { state, stoppedByUser } = engine.stored.get(id)!;
  assert.deepEqual([state.status, stoppedByUser, engine.leftOf(id)], ['exited', true, []]);
});

test('a container that does not listen is killed when its time is over', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { id } = await running();
  endsAt(id, 9);
  const stopped = stopContainer(engine.parts, id, { timeoutS: 10 });
  await aTurn();
  t.mock.timers.tick(10_000);
  await stopped;
  assert.deepEqual(
    engine.calls.filter((call) => call.startsWith('runtime.kill')),
    ['runtime.kill 15', 'runtime.kill 9'],
  );
});

test('a stop that cannot be stored is refused, and nothing is signalled', async () => {
  const { id } = await running();
  engine.fail('store', new Error('no space left on device'));
  await assert.rejects(stopContainer(engine.parts, id, {}), /no space left/);
  assert.deepEqual(
    [engine.calls, engine.record(id).state.status, engine.record(id).stoppedByUser],
    [['store'], 'running', false],
  );
});

for (const signal of [15, 9])
  test(`a run that ends just before signal ${signal} is stopped all the same`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { id } = await running();
    let settle!: () => void;
    engine.during(`runtime.kill ${signal}`, () => {
      settle = () => void engine.exit(id, 0);
      engine.parts.runtime.runs = () => false;
      return Promise.reject(new Error(`no such container in the runtime: ${id}`));
    });
    const stopped = stopContainer(engine.parts, id, { timeoutS: 10 });
    await aTurn();
    t.mock.timers.tick(10_000);
    await aTurn();
    settle();
    await stopped;
    assert.equal(engine.record(id).state.status, 'exited');
  });

for (const gone of [true, false])
  test(`a killed process that is ${gone ? 'gone, and is' : 'still there, and not'} dealt with when the patience is over`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { id } = await running();
    let settle!: () => void;
    engine.during('runtime.kill 9', async () => {
      settle = () => void engine.exit(id, 137);
      engine.parts.runtime.runs = () => !gone;
    });
    const stopped = stopContainer(engine.parts, id, { signal: 'SIGKILL', timeoutS: 0 });
    stopped.catch(() => {});
    await aTurn();
    t.mock.timers.tick(PATIENCE.killMs + 2 * PATIENCE.conmonMs);
    await aTurn();
    if (!gone) return assert.rejects(stopped, /tried to kill container, but did not receive an exit event/);
    settle();
    await stopped;
    assert.equal(engine.record(id).state.exitCode, 137);
  });

test('a signal to a run that has just ended is refused as to any that does not run', async () => {
  const { id } = await running();
  engine.during('runtime.kill 1', () => {
    engine.parts.runtime.runs = () => false;
    return Promise.reject(new Error(`no such container in the runtime: ${id}`));
  });
  await assert.rejects(killContainer(engine.parts, id, 'SIGHUP'), /^CausewayError: container \w+ is not running$/);
});

test('the terminal of a run that has just ended has no size any more, in the words for any that does not run', async () => {
  const { id } = await running();
  const runtime = {
    runs: () => false,
    resize: () => {
      throw new Error(`no such container in the runtime: ${id}`);
    },
  };
  await assert.rejects(
    resizeContainer({ ...engine.parts, runtime }, id, 24, 80),
    /^CausewayError: container \w+ is not running$/,
  );
});

test('a restart that waits for its delay is not made when the user stops it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { id } = await running(ALWAYS);
  await engine.exit(id, 1);
  await stopContainer(engine.parts, id, {});
  engine.calls.length = 0;
  t.mock.timers.tick(60_000);
  await engine.idle(id);
  assert.deepEqual(
    [engine.calls, engine.stored.get(id)!.state.status, engine.stored.get(id)!.stoppedByUser],
    [[], 'exited', true],
  );
});

test('a kill with another signal is that signal and no more', async () => {
  const { id } = await running(ALWAYS);
  await killContainer(engine.parts, id, 'SIGHUP');
  assert.deepEqual(
    [engine.calls, engine.record(id).stoppedByUser, engine.events],
    [['runtime.kill 1'], false, ['kill']],
  );
});

test('removing a container cancels what holds its lock for too long', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { id } = await running();
  let letGo!: () => void;
  const hung = engine.parts.containers.locked(id, () => new Promise<void>((resolve) => (letGo = resolve)));
  endsAt(id, 15);
  const stopped = stopContainer(engine.parts, id, {});
  await aTurn();
  assert.deepEqual(engine.calls, []);
  t.mock.timers.tick(engine.parts.config.patience.graceMs);
  assert.deepEqual(engine.calls, ['runtime.interrupt']);
  letGo();
  await Promise.all([hung, stopped]);
  assert.equal(engine.record(id).state.status, 'exited');
});

test("the user's restart is a stop and a start that policies and --rm do not see", async () => {
  const { id } = await running({ autoRemove: true });
  endsAt(id, 15);
  await restartContainer(engine.parts, id, {});
  const { state, spec, stoppedByUser, restartCount } = engine.stored.get(id)!;
  assert.deepEqual([state.status, spec.host.autoRemove, stoppedByUser, restartCount], ['running', true, false, 0]);
  assert.deepEqual(engine.events, ['kill', 'network disconnect', 'stop', 'die', 'network connect', 'start', 'restart']);
});

test("the user's restart whose start fails leaves a container that has ended", async () => {
  const { id } = await running();
  endsAt(id, 15);
  engine.fail('network.join');
  await assert.rejects(restartContainer(engine.parts, id, {}), /network.join failed/);
  assert.deepEqual(
    [engine.leftOf(id), engine.stored.get(id)!.state.status, engine.events.at(-1)],
    [[], 'exited', 'die'],
  );
});

test('rm -f ends the run and removes; what cannot be removed stays listed as it was', async () => {
  const { id } = await running();
  endsAt(id, 9);
  await removeContainer(engine.parts, id, { force: true, volumes: false, link: false });
  assert.deepEqual([engine.stored.size, engine.leftOf(id), engine.events.at(-1)], [0, [], 'destroy']);

  const { id: other } = await engine.add(makeRecord('true'));
  engine.fail('store');
  await assert.rejects(
    removeContainer(engine.parts, other, { force: true, volumes: false, link: false }),
    /store failed/,
  );
  assert.equal(engine.record(other).state.status, 'created');
});

test('a pause that the runtime refuses changes nothing; health is not looked at while it lasts', async () => {
  const { id } = await running();
  engine.fail('runtime.pause');
  await assert.rejects(pauseContainer(engine.parts, id), /runtime.pause failed/);
  assert.deepEqual([engine.record(id).state.status, engine.events], ['running', []]);
  engine.mend();
  engine.calls.length = 0;
  await pauseContainer(engine.parts, id);
  await unpauseContainer(engine.parts, id);
  assert.deepEqual(engine.calls, [
    'runtime.pause',
    'store',
    'health.forget',
    'runtime.resume',
    'store',
    'health.watch',
  ]);
  assert.deepEqual(engine.events, ['pause', 'unpause']);
});

test('a rename that the network refuses gives every link its old name back', async () => {
  const source = await engine.add(makeRecord('true', { record: { name: 'db' } }));
  const link = { sourceId: source.id, sourceName: 'db', alias: 'store' };
  const { id } = await engine.add(makeRecord('true', { record: { name: 'web', links: [link] } }));
  const parts = { ...engine.parts, names: { reserve: (name: string) => ({ name, release: () => {} }) } };
  engine.fail('network.rename new');
  await assert.rejects(renameContainer(parts, 'db', 'new'), /network.rename new failed/);
  for (const one of [engine.record(id), engine.stored.get(id)!]) assert.deepEqual(one.links, [link]);
  assert.equal(engine.record(source.id).name, 'db');
  engine.mend();
  await renameContainer(parts, 'db', 'new');
  assert.deepEqual([engine.stored.get(id)!.links[0]!.sourceName, engine.record(source.id).name], ['new', 'new']);
});

test('a rename also reaches a container that has come to link before its turn', async () => {
  const source = await engine.add(makeRecord('true', { record: { name: 'db' } }));
  let letGo!: () => void;
  const other = engine.parts.containers.locked(source.id, () => new Promise<void>((resolve) => (letGo = resolve)));
  const parts = { ...engine.parts, names: { reserve: (name: string) => ({ name, release: () => {} }) } };
  await aTurn();
  const renamed = renameContainer(parts, 'db', 'new');
  const { id } = await engine.add(
    makeRecord('true', { record: { name: 'web', links: [{ sourceId: source.id, sourceName: 'db', alias: 'store' }] } }),
  );
  letGo();
  await Promise.all([other, renamed]);
  assert.equal(engine.stored.get(id)!.links[0]!.sourceName, 'new');
});
