import assert from 'node:assert/strict';
import { test } from 'node:test';
import { updateRequestSchema } from './container-create.ts';
import { readGoInteger } from './go-integer.ts';
import { parseBody } from './parse-body.ts';

test('what is beyond a type is no number of it; the bounds of 64 bits are numbers that clients can read', () => {
  assert.equal(readGoInteger(9.3e18, 'int64'), undefined);
  assert.equal(readGoInteger(1.5, 'int64'), undefined);
  assert.equal(readGoInteger(Number.NaN, 'int64'), undefined);
  assert.equal(readGoInteger('1', 'int64'), undefined);
  assert.equal(readGoInteger(65_536, 'uint16'), undefined);
  assert.equal(readGoInteger(-1, 'uint64'), undefined);
  for (const [bound, type] of [[2n ** 63n - 1n, 'int64'], [-(2n ** 63n), 'int64'], [2n ** 64n - 1n, 'uint64']] as const) {
    const shown = BigInt(JSON.stringify(readGoInteger(Number(bound), type)));
    assert.ok(bound < 0n ? shown >= bound : shown <= bound, `${shown} is within ${bound}`);
  }
});

test('the complaint is Go\'s', () => {
  const read = (body: string) => () => parseBody(updateRequestSchema, 'UpdateConfig', body);
  const complaint = (what: string, field: string, type: string) => ({ message: `invalid JSON: json: cannot unmarshal ${what} into Go struct field UpdateConfig.${field} of type ${type}` });
  assert.throws(read('{"Memory":1e30}'), complaint('number 1e30', 'Memory', 'int64'));
  assert.throws(read('{"Memory":"1"}'), complaint('string', 'Memory', 'int64'));
  assert.throws(read('{"BlkioWeight":70000}'), complaint('number 70000', 'BlkioWeight', 'uint16'));
  assert.throws(read('{"RestartPolicy":{"MaximumRetryCount":1.5}}'), complaint('number 1.5', 'RestartPolicy.MaximumRetryCount', 'int'));
});
