/**
 * Whatever is sent to a real engine: answers are sentences, the daemon lives, a container that nobody touched runs on,
 * nothing stays open.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FULL, PART_SECONDS, recordResult } from '../fault/results.ts';
import { FUZZ_ABOUT, type Finding } from './campaign.ts';
import { fuzzEngine, LIVE_TARGETS } from './live/fuzz-engine.ts';
import { ROUTES } from './live/routes.ts';

test('every route is known to the fuzzer', () => {
  assert.ok(ROUTES.length > 90, `${ROUTES.length} routes`);
  for (const wanted of [
    'POST /containers/create',
    'POST /exec/:id/start',
    'PUT /containers/:name/archive',
    'GET /swarm',
  ])
    assert.ok(
      ROUTES.some(({ method, path }) => `${method} ${path}` === wanted),
      wanted,
    );
});

test('a real engine takes whatever comes', { skip: process.getuid?.() !== 0 && 'needs root' }, async (t) => {
  const findings: Finding[] = [];
  const { counts, longestSilenceMs } = await fuzzEngine(
    FULL
      ? { seed: Date.now() % 2 ** 31, seconds: PART_SECONDS ?? 600, silenceMs: 1000 }
      : { seed: 20251126, seconds: 25 },
    (finding) => findings.push(finding),
  );
  for (const [item, inputs] of counts)
    recordResult({
      part: 'Fuzz',
      about: FUZZ_ABOUT,
      item,
      counts: { inputs },
      violations: findings.filter(({ target }) => target === item).map(({ what }) => what),
    });
  t.diagnostic(
    `${[...counts].map(([name, count]) => `${count} ${name}`).join(', ')}; longest silence ${longestSilenceMs} ms`,
  );
  assert.deepEqual(
    findings.map(({ target, input, what }) => `${target}: ${what}\n  ${JSON.stringify(input).slice(0, 800)}`),
    [],
  );
  assert.deepEqual([...counts.keys()].sort(), LIVE_TARGETS.map(({ name }) => name).sort());
});
