import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CappedText } from './capped-text.ts';

test('the beginning, by bytes, whatever the pieces are; a character in two pieces stays whole', () => {
  const text = new CappedText(10);
  for (const byte of Buffer.from('häl')) text.push(Buffer.from([byte]));
  assert.equal(text.cut, false);
  assert.equal(text.toString(), 'häl');
  text.push(Buffer.alloc(1_000_000, 'x'));
  assert.equal(text.toString(), 'hälxxxxxx');
  assert.equal(text.cut, true);
  const exact = new CappedText(4);
  exact.push(Buffer.from('four'));
  assert.equal(exact.cut, false);
});
