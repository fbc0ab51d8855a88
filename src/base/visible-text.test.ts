import assert from 'node:assert/strict';
import { test } from 'node:test';
import { visibleText } from './visible-text.ts';

test('what a terminal would obey is shown, everything else stays', () => {
  assert.equal(visibleText('a\x1b]0;owned\x07\x1b[2J\r\x7f\u009b31m'), 'a\\x1b]0;owned\\x07\\x1b[2J\\x0d\\x7f\\x9b31m');
  assert.equal(visibleText('exe\u202egnp.\u2066'), 'exe\\u202egnp.\\u2066');
  assert.equal(visibleText('two\n\tlines – für 名前 \u{1f600}\\x1b'), 'two\n\tlines – für 名前 \u{1f600}\\x1b');
});
