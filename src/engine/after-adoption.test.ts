/** What clients of a daemon get that still takes up what an earlier one left. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CONNECTED, EngineOnFakes } from '../../test/harness/engine-on-fakes.ts';
import { wholeEngine } from '../../test/harness/whole-engine.ts';
import { makeRecord } from '../../test/oci/fixture.ts';
import type { ContainerRecord, ContainerState } from '../model/container.ts';
import { afterAdoption } from './after-adoption.ts';
import type { Engine } from './engine.ts';

let fakes: EngineOnFakes;
let engine: Engine;
let clients: Engine;
let end: (id: string, code: number) => void;
beforeEach(() => void (fakes = new EngineOnFakes()));
afterEach(() => {
  engine.quiesce();
  fakes.close();
});

const ALL = { all: true, limit: 0, size: false, filters: {} };
const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function left(name: string, state: Partial<ContainerState>, host: object = {}): ContainerRecord {
  const record = makeRecord('true', { host, record: { name, ...CONNECTED } });
  return { ...record, state: { ...record.state, startedAt: '2024-01-01T00:00:00Z', ...state } };
}

function leftRunning(name: string, host: object = {}): ContainerRecord {
  const record = left(name, { status: 'running', pid: 50 }, host);
  fakes.found.set(record.id, { running: true, pid: 50 });
  fakes.made.set(record.id, 50);
  return record;
}

async function take(...records: readonly ContainerRecord[]): Promise<void> {
  ({ engine, end } = wholeEngine(fakes, records));
  clients = afterAdoption(engine, engine.parts);
  await engine.look();
}

/** That part of the restore does not come to its end before the returned function is called. */
function hang(part: string): () => void {
  let goOn!: () => void;
  const held = new Promise<void>((resolve) => (goOn = resolve));
  fakes.during(part, () => held);
  return goOn;
}

const order = (): { note: (what: string) => () => void; readonly noted: string[] } => {
  const noted: string[] = [];
  return { noted, note: (what) => () => void noted.push(what) };
};

const statuses = async (): Promise<string[]> =>
  (await clients.containers.list(ALL)).map(({ record }) => `${record.name} ${record.state.status}`).sort();

test('what lives is listed and inspected while networks are restored; what changes it waits for that, and is done', async () => {
  const web = leftRunning('web');
  await take(web);
  const goOn = hang('network.restore 1');
  const { note, noted } = order();
  const restored = engine.restore().then(note('restored'));
  assert.deepEqual(await statuses(), ['web running']);
  assert.equal((await clients.containers.inspect('web', { size: false })).record.id, web.id);
  const paused = clients.containers.pause('web').then(note('paused'));
  for (let turn = 0; turn < 20; turn++) await aTurn();
  assert.deepEqual(noted, []);
  goOn();
  await Promise.all([restored, paused]);
  assert.deepEqual(await statuses(), ['web paused']);
});

test('a container whose fate is not known yet holds up nobody who works with another one', async () => {
  const [stuck, web] = [leftRunning('stuck'), leftRunning('web')];
  const goOn = hang('runtime.recover');
  await take(stuck, web);
  const { note, noted } = order();
  const restored = engine.restore().then(note('restored'));
  await clients.containers.pause('web');
  const inspected = clients.containers.inspect('stuck', { size: false }).then(note('inspected'));
  const created = clients.volumes
    .createVolume({ name: 'new', driver: 'local', labels: {}, options: {} })
    .catch(() => {});
  for (let turn = 0; turn < 20; turn++) await aTurn();
  assert.deepEqual(noted, []);
  goOn();
  await Promise.all([restored, inspected, created]);
  assert.deepEqual(await statuses(), ['stuck running', 'web paused']);
});

test('what ended while there was no daemon is never listed as running', async () => {
  const gone = left('gone', { status: 'running', pid: 50 });
  fakes.found.set(gone.id, { running: false, exitCode: 3, oomKilled: false, at: '2024-01-01T00:00:10Z' });
  await take(gone);
  const goOn = hang('network.restore 1');
  const listed = statuses();
  const restored = engine.restore();
  goOn();
  assert.deepEqual(await listed, ['gone exited']);
  await restored;
});

test('what a client ended while another one was taken up is not started with the daemon', async () => {
  const always = { restartPolicy: { name: 'always', maximumRetryCount: 0 } };
  const [stuck, web] = [leftRunning('stuck'), leftRunning('web', always)];
  const goOn = hang('runtime.recover');
  await take(stuck, web);
  const restored = engine.restore();
  const killed = clients.containers.kill('web', 'KILL');
  while (!fakes.calls.includes('runtime.kill 9')) await aTurn();
  end(web.id, 137);
  await killed;
  goOn();
  await restored;
  assert.deepEqual(await statuses(), ['stuck running', 'web exited']);
});

test('what is started with the daemon is started when a client gets at it', async () => {
  const web = left('web', { status: 'exited' }, { restartPolicy: { name: 'always', maximumRetryCount: 0 } });
  await take(web);
  const goOn = hang('network.restore 0');
  const restored = engine.restore();
  assert.deepEqual(await statuses(), ['web exited']);
  const paused = clients.containers.pause('web');
  goOn();
  await paused;
  await restored;
  assert.deepEqual(await statuses(), ['web paused']);
});
