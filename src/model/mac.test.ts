import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMac } from './mac.ts';

test('an Ethernet address is one, however Go spells it', () => {
  for (const text of ['02:42:AC:11:00:02', '02-42-ac-11-00-02', '0242.ac11.0002'])
    assert.equal(parseMac(text), '02:42:ac:11:00:02', text);
  for (const text of [
    '',
    '02:42-ac:11:00:02',
    '02:42:ac:11:00',
    '02:42:ac:11:00:02:01',
    '0242ac110002',
    '02:42:ac:11:00:0g',
    ' 02:42:ac:11:00:02',
  ])
    assert.equal(parseMac(text), undefined, text);
});
