import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { HealthState } from '../../model/health.ts';
import type { Store } from '../../store/store.ts';
import { EventBus } from '../system/event-bus.ts';
import { ContainerTable } from './container-table.ts';
import { HealthMonitor } from './health-monitor.ts';
import { healthProbes } from './health-probes.ts';

const healthcheck = {
  test: ['CMD', 'true'],
  intervalNs: 1e9,
  timeoutNs: 0,
  startPeriodNs: 0,
  startIntervalNs: 0,
  retries: 1,
};
const healthy: HealthState = { status: 'healthy', failingStreak: 0, log: [] };
const record = {
  id: 'id',
  name: 'web',
  links: [],
  spec: { image: 'i', labels: {}, process: { healthcheck } },
  state: { status: 'running', pid: 7, startedAt: 'now', health: healthy },
} as unknown as ContainerRecord;

const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A container that is watched, whose probe fails; what the world is told of it; and what lets that probe begin. */
async function watched(t: import('node:test').TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const told: string[] = [];
  const stored: string[] = [];
  const store = {
    values: () => [],
    commit: async (changes: readonly { value: ContainerRecord }[]) =>
      void stored.push(changes[0]!.value.state.health!.status),
  };
  const containers = new ContainerTable(store as unknown as Store);
  await containers.add(record);
  const events = new EventBus(systemClock);
  const execs: string[] = [];
  events.listen(({ action }) => (action.startsWith('exec_') ? execs : told).push(action));
  const network = {
    setHealth: async (_id: string, isHealthy: boolean) => void told.push(`dns: ${isHealthy ? 'healthy' : 'unhealthy'}`),
  };
  const exec = async () => ({ pid: 8, session: { output: [] }, exited: Promise.resolve(1), kill: () => {} });
  const monitor = new HealthMonitor(
    healthProbes({ containers, network, events, clock: systemClock, log: silentLog, exec: exec as never }),
  );
  t.after(() => monitor.forgetAll());
  monitor.watch(record);
  const probe = async (): Promise<void> => {
    t.mock.timers.tick(1000);
    await aTurn();
    await aTurn();
  };
  return { containers, told, execs, stored, monitor, probe, shown: () => containers.find('web').state.health!.status };
}

test('event, names and inspect agree on a container under concurrent change', async (t) => {
  const { containers, told, execs, stored, probe, shown } = await watched(t);
  let goOn!: () => void;
  const changed = containers.locked('web', async (held) => {
    await new Promise<void>((resolve) => (goOn = resolve));
    await held.save((now) => ({ ...now, name: 'renamed' }));
  });
  await aTurn();
  await probe();
  assert.deepEqual([told, shown()], [[], 'healthy'], 'all of it waits, or none');
  assert.deepEqual(execs, ['exec_create: true ', 'exec_start: true ', 'exec_die']);
  goOn();
  await changed;
  await aTurn();
  assert.deepEqual(told, ['health_status: unhealthy', 'dns: unhealthy']);
  const { name, state } = containers.get('id')!;
  assert.deepEqual([name, state.health!.status, stored.at(-1)], ['renamed', 'unhealthy', 'unhealthy']);
});

test('a probe of a run that ended or was paused in the meantime has no result', async (t) => {
  const { containers, told, monitor, probe, shown } = await watched(t);
  let goOn!: () => void;
  const ended = containers.locked('web', async (held) => {
    await new Promise<void>((resolve) => (goOn = resolve));
    monitor.forget('id');
    held.update((now) => ({ ...now, state: { ...now.state, pid: 9, startedAt: 'later' } }));
  });
  await aTurn();
  await probe();
  goOn();
  await ended;
  await aTurn();
  assert.deepEqual([told, shown()], [[], 'healthy']);
});

/** A probe that prints and waits to be killed, whose runtime is slow: its result, and the wait that the runtime had. */
async function probeTimedOut(t: import('node:test').TestContext, printed: string) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let started!: (handle: unknown) => void;
  let killed!: (code: number) => void;
  const exited = new Promise<number>((resolve) => (killed = resolve));
  const output = (async function* () {
    if (printed !== '') yield { data: Buffer.from(printed) };
    await exited;
  })();
  const containers = new ContainerTable({ values: () => [], commit: async () => {} } as unknown as Store);
  const exec = async () => new Promise((resolve) => (started = resolve));
  const result = healthProbes({
    containers,
    network: { setHealth: async () => {} },
    events: new EventBus(systemClock),
    clock: systemClock,
    log: silentLog,
    exec: exec as never,
  }).probe(record, ['sh'], 50);
  let over = false;
  void result.then(() => (over = true));
  t.mock.timers.tick(1000);
  started({ pid: 8, session: { output }, exited, kill: () => killed(137) });
  await aTurn();
  assert.equal(over, false, 'the time that the runtime takes is not its own');
  t.mock.timers.tick(50);
  return result;
}

test('a probe that takes too long is killed, and says what it printed until then', async (t) => {
  const { exitCode, output } = await probeTimedOut(t, 'logs1 logs2\n');
  assert.deepEqual([exitCode, output], [-1, 'Health check exceeded timeout (50ms): logs1 logs2\n']);
});

test('a probe that took too long without a word has no colon behind its timeout', async (t) => {
  assert.equal((await probeTimedOut(t, '')).output, 'Health check exceeded timeout (50ms)');
});
