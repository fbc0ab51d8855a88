import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTimeNs, steppingClock } from './clock.ts';

const MS = 1_000_000n;

function clockwork() {
  const time = { wallMs: 1_700_000_000_000, monotonicNs: 5_000n * MS };
  return {
    time,
    clock: steppingClock(
      () => time.wallMs,
      () => time.monotonicNs,
    ),
  };
}

test('time advances within a millisecond and never goes back unless the clock is set', () => {
  const { time, clock } = clockwork();
  const first = clock.nowNs();
  time.monotonicNs += 10n;
  assert.equal(clock.nowNs() - first, 10n);
  time.wallMs -= 20; // slewed, or read a little late
  time.monotonicNs += 10n;
  assert.equal(clock.nowNs() - first, 20n);
});

test('a clock that is set, either way, is followed from the next question on', () => {
  for (const stepMs of [3_600_000, -3_600_000, 26 * 365 * 86_400_000]) {
    const { time, clock } = clockwork();
    const before = clock.nowNs();
    time.wallMs += stepMs;
    time.monotonicNs += 7n;
    assert.ok(clock.nowNs() - before - BigInt(stepMs) * MS < 2n * MS, `a step of ${stepMs} ms`);
    assert.equal(formatTimeNs(clock.nowNs()).slice(0, 19), new Date(time.wallMs).toISOString().slice(0, 19));
    const after = clock.nowNs();
    time.monotonicNs += 3n;
    assert.equal(clock.nowNs() - after, 3n, 'and goes on evenly from there');
  }
});
