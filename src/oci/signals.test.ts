import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSignal, signalName } from './signals.ts';

test('every way to name a signal', () => {
  for (const text of ['SIGTERM', 'TERM', 'term', 'sigterm', '15']) assert.equal(parseSignal(text), 15);
  assert.equal(parseSignal('KILL'), 9);
  assert.equal(parseSignal('SIGRTMIN+3'), 37);
  assert.equal(parseSignal('RTMIN'), 34);
  assert.equal(parseSignal('SIGRTMAX-2'), 62);
  assert.equal(parseSignal('64'), 64);
});

test("what is no signal is refused in Docker's words", () => {
  for (const text of ['NOPE', '0', '65', '-1', 'SIG', 'RTMIN+31', 'RTMAX+1', '']) {
    assert.throws(() => parseSignal(text), { message: `invalid signal: ${text}`, kind: 'invalid' });
  }
});

test('names', () => {
  assert.equal(signalName(15), 'SIGTERM');
  assert.equal(signalName(37), 'SIGRTMIN+3');
  assert.equal(signalName(77), '77');
});
