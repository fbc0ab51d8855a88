/** A process of its own gives back what it does not need: it gets smaller and goes on as before. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';

const PROGRAM = `
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { SpareMemory } from ${JSON.stringify(new URL('../../src/kernel/spare-memory.ts', import.meta.url).href)};
const sizes = () => {
  const rollup = readFileSync('/proc/self/smaps_rollup', 'utf8');
  const [rss, anonymous] = ['Rss', 'Anonymous'].map((name) => Number(new RegExp('^' + name + ': +(\\\\d+)', 'm').exec(rollup)[1]));
  return { files: rss - anonymous, anonymous };
};
const work = () => {
  const text = gunzipSync(gzipSync('causeway'.repeat(10_000)));
  const sum = new Function('text', 'let sum = 0; for (const byte of text) sum += byte; return sum;')(text);
  return [createHash('sha256').update(text).digest('hex'), sum, new Date(0).toLocaleString('de-DE', { timeZone: 'UTC' })];
};
const spare = new SpareMemory();
const before = sizes();
const worked = work();
spare.giveBack();
const after = sizes();
const again = work();
spare.giveBack();
console.log(JSON.stringify({ before, after, worked, again, atLast: work() }));
`;

test('a process that gives back spare memory has fewer pages of files, and works as before', () => {
  const said = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', PROGRAM], {
    encoding: 'utf8',
    cwd: new URL('../..', import.meta.url),
  });
  const { before, after, worked, again, atLast } = JSON.parse(said);
  assert.ok(after.files < before.files / 2, `pages of files: ${before.files} kB before, ${after.files} kB after`);
  assert.deepEqual(again, worked);
  assert.deepEqual(atLast, worked);
});
