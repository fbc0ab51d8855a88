import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CONNECTED, EngineOnFakes } from '../../test/harness/engine-on-fakes.ts';
import { makeRecord } from '../../test/oci/fixture.ts';
import type { ContainerRecord, ContainerState } from '../model/container.ts';
import type { PortBinding } from '../model/port.ts';
import { removeContainer } from './container/container-remove.ts';
import { startContainer } from './container/container-start.ts';
import { stopContainer } from './container/container-stop.ts';
import { restoreContainers } from './restore.ts';
import { startAwaiting, startWithDaemon } from './start-with-daemon.ts';

let engine: EngineOnFakes;
let started: string[];
beforeEach(() => {
  engine = new EngineOnFakes();
  started = [];
  engine.parts.events.listen(({ action, attributes }) => {
    if (action === 'start') started.push(attributes['name']!);
  });
});
afterEach(() => engine.close());

const policy = (name: 'always' | 'unless-stopped' | 'on-failure') => ({
  restartPolicy: { name, maximumRetryCount: 0 },
});
const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A container as an earlier daemon left it. */
async function left(
  name: string,
  changes: {
    state?: Partial<ContainerState>;
    host?: object;
    record?: object;
    networkMode?: string;
    hostIp?: string;
  } = {},
): Promise<ContainerRecord> {
  const { state, host, record: other, networkMode, hostIp } = changes;
  const record = makeRecord('true', {
    host: { ...policy('always'), ...host },
    record: { name, ...CONNECTED, ...other },
  });
  const { connection } = record.spec;
  const portBindings: Record<string, PortBinding[]> =
    hostIp === undefined ? {} : { '80/tcp': [{ hostIp, hostPort: '80' }] };
  return engine.add({
    ...record,
    spec: {
      ...record.spec,
      connection: { ...connection, networkMode: networkMode ?? connection.networkMode, portBindings },
    },
    state: { ...record.state, status: 'exited', startedAt: '2024-01-01T00:00:00Z', ...state },
  });
}

const linkTo = (source: ContainerRecord) => ({
  links: [{ sourceId: source.id, sourceName: source.name, alias: source.name }],
});
/** What the kernel says of an address that the host does not have. */
const noAddress = (): Error => Object.assign(new Error('bind'), { code: 'EADDRNOTAVAIL' });

test('with the daemon starts what its policy says, and nothing else', async () => {
  await left('always', { record: { stoppedByUser: true } });
  await left('restarting', { state: { status: 'restarting' } });
  await left('stopped', { host: policy('unless-stopped'), record: { stoppedByUser: true } });
  await left('done', { host: policy('on-failure') });
  await left('failed', { host: policy('on-failure'), state: { exitCode: 1 } });
  await left('new', { state: { status: 'created' } });
  await startWithDaemon(engine.parts);
  assert.deepEqual(started.toSorted(), ['always', 'failed', 'restarting']);
});

test('each starts after those that it links to, and whose network, IPC or processes it shares', async () => {
  // Each is older than what it needs.
  const ids = new Map(['db', 'web', 'net', 'ipc', 'pid'].map((name, index) => [name, String(index).repeat(64)]));
  const needs: Record<string, Parameters<typeof left>[1]> = {
    pid: { host: { ...policy('always'), pidMode: 'container:ipc' } },
    ipc: { host: { ...policy('always'), ipcMode: `container:${ids.get('net')}` } },
    net: { networkMode: 'container:web' },
    web: { record: { links: [{ sourceId: ids.get('db'), sourceName: 'db', alias: 'db' }] } },
    db: {},
  };
  for (const [name, changes] of Object.entries(needs))
    await left(name, {
      ...changes,
      host: { ...changes?.host, ...(name === 'net' ? { ipcMode: 'shareable' } : {}) },
      record: { ...changes?.record, id: ids.get(name) },
    });
  await startWithDaemon(engine.parts);
  assert.deepEqual(started, ['db', 'web', 'net', 'ipc', 'pid']);
});

test('those that have ended without a daemon start in that order too, and not when their delay is over', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const up = { status: 'running', pid: 50 } as const;
  const db = await left('db', { state: up });
  await left('web', { state: { ...up, pid: 60 }, record: linkTo(db) });
  await engine.parts.restarts.holdBackDuring(() => restoreContainers(engine.parts));
  engine.calls.length = 0;
  t.mock.timers.tick(60_000);
  await aTurn();
  assert.deepEqual(engine.calls, []);
  await startWithDaemon(engine.parts);
  assert.deepEqual(started, ['db', 'web']);
});

test('containers that need each other are started all the same', async () => {
  const [one, two] = ['1'.repeat(64), '2'.repeat(64)];
  await left('one', { record: { id: one, links: [{ sourceId: two, sourceName: 'two', alias: 'two' }] } });
  await left('two', { record: { id: two } });
  await engine.parts.containers.locked(
    'two',
    async (held) =>
      void held.update((now) => ({ ...now, links: [{ sourceId: one, sourceName: 'one', alias: 'one' }] })),
  );
  await left('free');
  await startWithDaemon(engine.parts);
  assert.ok(started.includes('free'));
});

test('it resolves when all have been started; what cannot be does not keep the others from it', async () => {
  await left('broken', { record: { id: 'b'.repeat(64) } });
  await left('web');
  const { start } = engine.parts;
  const parts = {
    ...engine.parts,
    start: async (held: Parameters<typeof start>[0]) => {
      if (held.record.name === 'broken') throw new Error('port is already allocated');
      await start(held);
    },
  };
  await startWithDaemon(parts);
  assert.deepEqual(started, ['web']);
  assert.equal(engine.record('b'.repeat(64)).state.status, 'exited');
});

test('one that hangs holds up neither the others nor, for long, the daemon', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const hung = await left('hung');
  await left('needs-it', { record: linkTo(hung) });
  await left('web');
  const { start } = engine.parts;
  let done = false;
  const going: Promise<unknown>[] = [];
  const parts = {
    ...engine.parts,
    start: (held: Parameters<typeof start>[0]) => {
      if (held.id === hung.id) return new Promise<void>(() => {});
      const one = start(held);
      going.push(one);
      return one;
    },
  };
  const all = startWithDaemon(parts).then(() => (done = true));
  while (!started.includes('web')) await aTurn();
  assert.equal(done, false);
  while (!done) {
    t.mock.timers.tick(10_000);
    await aTurn();
  }
  await all;
  await Promise.all(going); // the daemon waits for them no longer than for the one that hangs
});

test('a daemon that ends starts no more', async () => {
  for (let index = 0; index < 10; index++) await left(`web-${index}`);
  engine.onCall = (name) => {
    if (name === 'runtime.start') engine.parts.restarts.end();
  };
  await startWithDaemon(engine.parts);
  assert.ok(started.length < 10);
});

for (const status of ['exited', 'restarting'] as const) {
  test(`one that was ${status}, and whose host address comes late, is started then, and after it what needs it`, async () => {
    const web = await left('web', { state: { status }, hostIp: '192.0.2.77' });
    await left('sharer', { networkMode: 'container:web' });
    engine.fail('network.join', noAddress());
    await startWithDaemon(engine.parts);
    assert.deepEqual([started, engine.leftOf(web.id)], [[], []]);
    engine.mend();
    await startAwaiting(engine.parts, '192.0.2.78');
    assert.deepEqual(started, []);
    await startAwaiting(engine.parts, '192.0.2.77');
    assert.deepEqual(started, ['web', 'sharer']);
    assert.deepEqual(engine.leftOf(web.id), ['network', 'root file system', 'runtime']);
    await startAwaiting(engine.parts, '192.0.2.77');
    assert.deepEqual(started, ['web', 'sharer']);
  });
}

test('an address that goes again before the start leaves it waiting', async () => {
  await left('web', { hostIp: '192.0.2.77' });
  engine.fail('network.join', noAddress());
  await startWithDaemon(engine.parts);
  await startAwaiting(engine.parts, '192.0.2.77');
  engine.mend();
  await startAwaiting(engine.parts, '192.0.2.77');
  assert.deepEqual(started, ['web']);
});

test('what fails for another reason does not wait for an address', async () => {
  await left('web', { hostIp: '192.0.2.77' });
  engine.fail('network.join');
  await startWithDaemon(engine.parts);
  engine.mend();
  await startAwaiting(engine.parts, '192.0.2.77');
  assert.deepEqual(started, []);
});

test('the user who stops, removes or starts it ends the wait', async () => {
  for (const name of ['stopped', 'removed', 'started']) await left(name, { hostIp: '192.0.2.77' });
  engine.fail('network.join', noAddress());
  await startWithDaemon(engine.parts);
  await stopContainer(engine.parts, 'stopped', {});
  assert.equal(engine.record(engine.parts.containers.find('stopped').id).stoppedByUser, true);
  await removeContainer(engine.parts, 'removed', { force: false, volumes: false, link: false });
  await assert.rejects(startContainer(engine.parts, 'started'), { message: /bind/ });
  engine.mend();
  await startAwaiting(engine.parts, '192.0.2.77');
  assert.deepEqual(started, []);
});
