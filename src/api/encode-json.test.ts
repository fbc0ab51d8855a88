import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeJson } from './encode-json.ts';

test('a bigint is a number, whole', () => {
  assert.equal(
    encodeJson({ a: 18446744073709551615n, b: [1n, 2], c: 'bigint:3', d: null }),
    '{"a":18446744073709551615,"b":[1,2],"c":"bigint:3","d":null}',
  );
});

test('what has none is what JSON.stringify makes of it', () => {
  for (const value of [{ a: 'bigint:1', b: 2.5 }, [], 'text', null])
    assert.equal(encodeJson(value), JSON.stringify(value));
});
