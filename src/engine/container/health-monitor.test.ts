import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTimeNs } from '../../base/clock.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { Healthcheck, HealthState } from '../../model/health.ts';
import { HealthMonitor, nextHealth } from './health-monitor.ts';

const check: Healthcheck = {
  test: ['CMD', 'true'],
  intervalNs: 0,
  timeoutNs: 0,
  startPeriodNs: 1,
  startIntervalNs: 0,
  retries: 3,
};
const starting: HealthState = { status: 'starting', failingStreak: 0, log: [] };
const probe = (exitCode: number) => ({ start: '', end: '', exitCode, output: '' });
const after = (codes: number[], inStart = false, from = starting): HealthState =>
  codes.reduce((state, code) => nextHealth(state, probe(code), check, inStart), from);

test('one success makes it healthy, the third failure in a row unhealthy', () => {
  assert.equal(after([0]).status, 'healthy');
  assert.equal(after([1, 1]).status, 'starting');
  assert.equal(after([1, 1, 1]).status, 'unhealthy');
  assert.equal(after([0, 1, 1]).status, 'healthy');
  assert.equal(after([0, 1, 1, 0, 1, 1]).status, 'healthy');
  assert.equal(after([1, 1, 1, 0]).status, 'healthy');
});

test('failures in the start period do not count, until it was healthy once', () => {
  assert.deepEqual([after([1, 1, 1, 1], true).status, after([1, 1, 1, 1], true).failingStreak], ['starting', 0]);
  assert.equal(after([0, 1, 1, 1], true).status, 'unhealthy');
});

test('the last five probes are kept', () => {
  assert.equal(after([1, 0, 1, 0, 1, 0, 1]).log.length, 5);
});

test('a clock that is set does not end the start period, and does not make it longer', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let wallMs = 1_700_000_000_000;
  t.mock.method(Date, 'now', () => wallMs);
  const nowNs = (): bigint => BigInt(wallMs) * 1_000_000n;
  const inPeriod: Healthcheck = { ...check, intervalNs: 1e9, startIntervalNs: 1e9, startPeriodNs: 600e9 };
  const healthOf = async (startedMsAgo: number, stepMs: number): Promise<HealthState> => {
    const startedAt = formatTimeNs(nowNs() - BigInt(startedMsAgo) * 1_000_000n);
    let record = {
      id: 'x',
      spec: { process: { healthcheck: inPeriod } },
      state: { pid: 1, startedAt, health: starting },
    } as unknown as ContainerRecord;
    const change = async (_id: string, next: (now: ContainerRecord) => HealthState | undefined): Promise<void> => {
      record = { ...record, state: { ...record.state, health: next(record) ?? record.state.health } };
    };
    const monitor = new HealthMonitor({
      probe: async () => ({ exitCode: 1, output: '' }),
      record: () => record,
      change,
      nowNs,
    });
    monitor.watch(record);
    wallMs += stepMs;
    for (let probes = 0; probes < 5; probes++) {
      t.mock.timers.tick(1000);
      await new Promise(setImmediate);
    }
    monitor.forgetAll();
    return record.state.health!;
  };
  assert.equal((await healthOf(0, 3_600_000)).status, 'starting', 'an hour forward');
  assert.equal((await healthOf(0, -3_600_000)).status, 'starting');
  assert.equal((await healthOf(700_000, -3_600_000)).status, 'unhealthy', 'an hour back, with the period over');
});
