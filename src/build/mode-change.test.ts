import assert from 'node:assert/strict';
import test from 'node:test';
import { readModeChange } from './mode-change.ts';

for (const [text, mode, isDirectory, wanted] of [
  ['755', 0o600, false, 0o755],
  ['4711', 0, false, 0o4711],
  ['u+x', 0o644, false, 0o744],
  ['+x', 0o644, false, 0o755],
  ['go-rwx', 0o777, false, 0o700],
  ['a=rX', 0o750, false, 0o555],
  ['a=rX', 0o640, false, 0o444],
  ['a=rX', 0o700, true, 0o555],
  ['u=rw,g=u,o=', 0o777, false, 0o660],
  ['u+s,+t', 0o755, false, 0o5755],
  ['g=u-w', 0o640, false, 0o640],
] as const)
  test(`${text} makes ${wanted.toString(8)} of ${mode.toString(8)}`, () =>
    assert.equal(readModeChange(text)(mode, isDirectory).toString(8), wanted.toString(8)));

for (const text of ['999', '77777', 'u', 'x+r', 'u+q', '', 'u+x,'])
  test(`${JSON.stringify(text)} is refused`, () =>
    void assert.throws(() => readModeChange(text), /invalid chmod parameter/));
