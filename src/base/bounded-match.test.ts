import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesWithin } from './bounded-match.ts';

test('patterns match as they do elsewhere', () => {
  assert.equal(matchesWithin(/^we(b|d)+$/, 'webx'), false);
  assert.equal(matchesWithin(/^we(b|d)+$/, 'webdbd'), true);
  assert.equal(matchesWithin(/^we[bd]+$/, 'webd'), true);
  assert.equal(matchesWithin(/web/, 'the web'), true);
});

test('a pattern that would try for hours is given up, and named', () => {
  assert.throws(() => matchesWithin(/^(a+)+$/, `${'a'.repeat(60)}!`, 20), /invalid pattern \^\(a\+\)\+\$: it takes too long to match/);
  assert.equal(matchesWithin(/^(a+)+$/, 'aaa'), true);
});
