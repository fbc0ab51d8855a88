import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asJson, fromJson, inPage, judge, median, table } from './report.ts';
import type { Row } from './rows.ts';

const lower: Row = { name: 'run', title: 'run', unit: 's', better: 'lower', goal: { ratio: 0.4 } };
const higher: Row = { name: 'flow', title: 'flow', unit: 'Gbit/s', better: 'higher', goal: { ratio: 1 } };
const memory: Row = { name: 'memory', title: 'memory', unit: 'MB', better: 'lower', goal: { value: 130 } };

test('the median of odd and even counts', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
});

test('a ratio is judged against dockerd, a value against itself', () => {
  assert.equal(judge(lower, { causeway: { values: [0.1, 0.1, 0.1] }, dockerd: { values: [0.3, 0.3, 0.3] } }).met, true);
  assert.equal(
    judge(lower, { causeway: { values: [0.2, 0.2, 0.2] }, dockerd: { values: [0.3, 0.3, 0.3] } }).met,
    false,
  );
  assert.equal(judge(higher, { causeway: { values: [12] }, dockerd: { values: [10] } }).met, true);
  assert.equal(judge(memory, { causeway: { values: [131] } }).met, false);
  assert.equal(judge(memory, { causeway: { values: [129] } }).met, true);
});

test('what misses the goal by less than its own spread is even; what misses it by more is short', () => {
  const noisy = judge(higher, { causeway: { values: [9, 10, 11, 8, 12] }, dockerd: { values: [10.5, 9, 12] } });
  assert.deepEqual([noisy.met, noisy.even], [true, true]);
  const steady = judge(higher, { causeway: { values: [9, 9.01, 9.02] }, dockerd: { values: [10, 10.01, 10.02] } });
  assert.deepEqual([steady.met, steady.even], [false, false]);
});

test('without dockerd there is no verdict on a ratio; what failed on our side falls short', () => {
  assert.equal(judge(lower, { causeway: { values: [0.1] } }).met, undefined);
  assert.equal(judge(lower, { causeway: { values: [], error: 'no' }, dockerd: { values: [1] } }).met, false);
});

test('the table marks rows that fall short and gives the reason for missing ones', () => {
  const text = table(
    [
      judge(lower, {
        causeway: { values: [0.2] },
        dockerd: { values: [0.3] },
        podman: { values: [], error: 'it would not' },
      }),
    ],
    ['causeway', 'dockerd', 'podman'],
  );
  assert.match(text, /run\s+0\.200 s\s+0\.300 s\s+-\s+0\.67\s+<= 0\.40\s+SHORT/);
  assert.match(text, /run on podman: it would not/);
});

test('results take the place of those that a page has', () => {
  const page =
    'before\n<!-- bench: what is between these two lines is written by npm run bench -- --doc -->\nold\n<!-- /bench -->\nafter\n';
  const results = [judge(lower, { causeway: { values: [0.2] }, dockerd: { values: [0.4] } })];
  const written = inPage(page, results, ['causeway', 'dockerd'], 'today');
  assert.match(
    written,
    /^before\n<!-- bench.*-->\ntoday\n\n\| row .*\n.*\n\| run \| 0\.200 s \| 0\.400 s \| 0\.50 \| ≤ 0\.40 \|\n<!-- \/bench -->\nafter\n$/,
  );
  assert.equal(inPage(written, results, ['causeway', 'dockerd'], 'today'), written);
  assert.throws(() => inPage('none', results, ['causeway'], ''), /has no lines/);
});

test('what was written as JSON is read back as it was measured, and judged by the goals of now', () => {
  const results = [judge(lower, { causeway: { values: [0.2, 0.4, 0.3] }, dockerd: { values: [], error: 'no' } })];
  const text = asJson(results, { quick: true });
  const [back] = fromJson(text, [lower]);
  assert.deepEqual(back?.samples.causeway?.values, [0.2, 0.4, 0.3]);
  assert.equal(back?.samples.dockerd?.error, 'no');
  assert.equal(fromJson(text, [{ ...lower, goal: { value: 0.05 } }])[0]?.met, false);
  assert.deepEqual(fromJson(text, [higher]), []);
});
