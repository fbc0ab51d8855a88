import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Healthcheck, HealthState } from '../../model/health.ts';
import { nextHealth } from './health-monitor.ts';

const check: Healthcheck = { test: ['CMD', 'true'], intervalNs: 0, timeoutNs: 0, startPeriodNs: 1, startIntervalNs: 0, retries: 3 };
const starting: HealthState = { status: 'starting', failingStreak: 0, log: [] };
const probe = (exitCode: number) => ({ start: '', end: '', exitCode, output: '' });
const after = (codes: number[], inStart = false, from = starting): HealthState => codes.reduce((state, code) => nextHealth(state, probe(code), check, inStart), from);

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
