import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFilters, readFilters } from './filters.ts';

test('both spellings of filters', () => {
  assert.deepEqual(parseFilters(''), {});
  assert.deepEqual(parseFilters('{"label":{"a=b":true,"c":true}}'), { label: ['a=b', 'c'] });
  assert.deepEqual(parseFilters('{"label":["a=b","c","c"],"status":null}'), { label: ['a=b', 'c'], status: [] });
  for (const bad of ['{', '[]', '"x"', '{"a":"b"}', '{"a":[1]}', '{"a":{"b":1}}'])
    assert.throws(() => parseFilters(bad), /^CausewayError: invalid filter$/, bad);
});

test('names are checked by route', () => {
  assert.deepEqual(readFilters('networks', '{"driver":["bridge"]}'), { driver: ['bridge'] });
  assert.throws(() => readFilters('networks', '{"status":["x"]}'), /invalid filter 'status'/);
});
