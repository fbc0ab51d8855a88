import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeControls, visibleText } from './control-characters.ts';

test('what a terminal obeys is spelled out, and text of all languages stays', () => {
  assert.equal(escapeControls('\x1b]0;title\x07'), '\\u001b]0;title\\u0007');
  assert.equal(escapeControls('\u009b31m\u007f\r\n\t'), '\\u009b31m\\u007f\\u000d\\u000a\\u0009');
  assert.equal(escapeControls('a\u202egnp.exe\u2028'), 'a\\u202egnp.exe\\u2028');
  assert.equal(escapeControls('two\nlines\tand a tab\r', '\n\t'), 'two\nlines\tand a tab\\u000d');
  assert.equal(visibleText('two\nlines\tand a tab\r\x1b[2J'), 'two\nlines\tand a tab\\u000d\\u001b[2J');
  assert.equal(escapeControls('größe 網路 🐳 a\u200db'), 'größe 網路 🐳 a\u200db');
});

test('JSON means the same afterwards', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const shown = escapeControls(JSON.stringify({ [value]: value }));
      assert.deepEqual(JSON.parse(shown), { [value]: value });
    }),
  );
});
