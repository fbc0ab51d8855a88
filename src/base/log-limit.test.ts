import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitLog } from './log-limit.ts';
import { silentLog, type Log } from './log.ts';

function recorded() {
  const lines: [fields: object, message: string][] = [];
  const keep = (fields: object, message: string) => void lines.push([fields, message]);
  const log: Log = { ...silentLog, debug: keep, info: keep, warn: keep, error: keep, child: () => log };
  return { lines, log };
}

test('of a message that never ends a hundred lines come at once and one a second, with the number of those left out; others come', () => {
  let nowMs = 0;
  const { lines, log } = recorded();
  const limited = limitLog(log, () => nowMs).child({ room: 'x' });
  for (let i = 0; i < 1000; i++) limited.error({ i }, 'request failed');
  assert.equal(lines.length, 100);
  limited.warn({}, 'another');
  assert.deepEqual(lines.at(-1), [{}, 'another']);
  nowMs = 1000;
  for (let i = 0; i < 10; i++) limited.error({ i }, 'request failed');
  assert.equal(lines.length, 102);
  assert.deepEqual(lines.at(-1), [{ i: 0, suppressed: 900 }, 'request failed']);
  nowMs = 1_000_000;
  for (let i = 0; i < 200; i++) limited.error({ i }, 'request failed');
  assert.equal(lines.length, 202, 'what was not said is not saved up beyond a hundred');
});

test('debugging has no limit, and messages that all differ take no memory without end', () => {
  const { lines, log } = recorded();
  const limited = limitLog(log, () => 0);
  for (let i = 0; i < 1000; i++) limited.debug({}, 'detail');
  assert.equal(lines.length, 1000);
  for (let i = 0; i < 5000; i++) limited.warn({}, `odd name ${i}`);
  assert.equal(lines.length, 6000);
});
