import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZERO_TIME } from '../../base/clock.ts';
import type { ContainerState } from '../../model/container.ts';
import { humanDuration, statusText } from './status-text.ts';

const NOW = Date.parse('2025-01-02T00:00:00Z');
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();
const state = (changes: Partial<ContainerState>): ContainerState => ({
  status: 'running',
  pid: 1,
  exitCode: 0,
  error: '',
  oomKilled: false,
  startedAt: ago(180),
  finishedAt: ZERO_TIME,
  health: null,
  ...changes,
});
const health = (status: 'starting' | 'healthy' | 'unhealthy' | 'none') => ({ status, failingStreak: 0, log: [] });

test("docker ps's words", () => {
  const say = (changes: Partial<ContainerState>) => statusText(state(changes), NOW);
  assert.equal(say({}), 'Up 3 minutes');
  assert.equal(say({ startedAt: ago(0.4) }), 'Up Less than a second');
  assert.equal(say({ startedAt: ago(70) }), 'Up About a minute');
  assert.equal(say({ health: health('healthy') }), 'Up 3 minutes (healthy)');
  assert.equal(say({ health: health('starting') }), 'Up 3 minutes (health: starting)');
  assert.equal(say({ health: health('none') }), 'Up 3 minutes');
  assert.equal(statusText(state({}), NOW, 'vpn'), 'Up 3 minutes (no network: vpn is down)');
  assert.equal(say({ status: 'paused', startedAt: ago(120) }), 'Up 2 minutes (Paused)');
  assert.equal(say({ status: 'restarting', exitCode: 1, finishedAt: ago(2) }), 'Restarting (1) 2 seconds ago');
  assert.equal(say({ status: 'exited', finishedAt: ago(5) }), 'Exited (0) 5 seconds ago');
  assert.equal(say({ status: 'created', startedAt: ZERO_TIME }), 'Created');
  assert.equal(say({ status: 'dead' }), 'Dead');
  assert.equal(say({ status: 'removing' }), 'Removal In Progress');
});

test('lengths of time', () => {
  const hour = 3_600_000;
  const cases: [number, string][] = [
    [999, 'Less than a second'],
    [1000, '1 second'],
    [59_999, '59 seconds'],
    [60_000, 'About a minute'],
    [59 * 60_000, '59 minutes'],
    [hour, 'About an hour'],
    [1.4 * hour, 'About an hour'],
    [1.5 * hour, '2 hours'],
    [47 * hour, '47 hours'],
    [48 * hour, '2 days'],
    [13 * 24 * hour, '13 days'],
    [14 * 24 * hour, '2 weeks'],
    [60 * 24 * hour, '2 months'],
    [730 * 24 * hour, '2 years'],
  ];
  for (const [ms, text] of cases) assert.equal(humanDuration(ms), text, String(ms));
});
