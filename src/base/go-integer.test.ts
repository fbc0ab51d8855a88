import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGoInteger } from './go-integer.ts';

test('what is beyond a type is no number of it; the bounds of 64 bits are numbers that clients can read', () => {
  assert.equal(readGoInteger(9.3e18, 'int64'), undefined);
  assert.equal(readGoInteger(1.5, 'int64'), undefined);
  assert.equal(readGoInteger(Number.NaN, 'int64'), undefined);
  assert.equal(readGoInteger('1', 'int64'), undefined);
  assert.equal(readGoInteger(65_536, 'uint16'), undefined);
  assert.equal(readGoInteger(-1, 'uint64'), undefined);
  for (const [bound, type] of [
    [2n ** 63n - 1n, 'int64'],
    [-(2n ** 63n), 'int64'],
    [2n ** 64n - 1n, 'uint64'],
  ] as const) {
    const shown = BigInt(JSON.stringify(readGoInteger(Number(bound), type)));
    assert.ok(bound < 0n ? shown >= bound : shown <= bound, `${shown} is within ${bound}`);
  }
});
