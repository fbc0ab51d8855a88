import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyPattern } from './linear-match.ts';

const matches = async (pattern: string, text: string): Promise<boolean> => (await anyPattern([pattern]))(text);

test('patterns match as they do in Go', async () => {
  for (const [pattern, text, expected] of [
    ['web', 'the web', true],
    ['^web', 'the web', false],
    ['^web', 'webs', true],
    ['web$', 'the web', true],
    ['^web$', 'webs', false],
    ['^web$', 'web', true],
    ['', 'anything', true],
    ['w.b', 'wxb', true],
    ['^we(b|d)+$', 'webx', false],
    ['^we(b|d)+$', 'webdbd', true],
    ['^we[bd]+$', 'webd', true],
    ['(?i)WEB', 'web', true],
    ['\\Aweb\\z', 'web', true],
    ['a{2,3}b', 'aab', true],
    ['(?=web)', 'web', false],
    ['(', 'a(b', false],
    ['(', '(', true],
    ['[z-a]', 'z', false],
  ] as const)
    assert.equal(await matches(pattern, text), expected, `${pattern} ${text}`);
  assert.equal((await anyPattern(['x+', 'b']))('abc'), true, 'one of several is enough');
  assert.equal((await anyPattern([]))('abc'), false);
});

test('a pattern for which others try for hours is matched like any other', async () => {
  for (const pattern of ['^(a+)+$', '^(a|a)*$', '^(a?){20}a{20}$', `^${'a*'.repeat(60)}$`])
    assert.equal(await matches(pattern, `${'a'.repeat(60)}!`), false, pattern);
});

test('what repeats too much is refused, however it is written, and any number of plain names is not', async () => {
  const tooLong = { kind: 'invalid', message: /it takes too long to match$/ };
  for (const patterns of [
    ['(((a{10}){10}){10})'],
    ['x.'.repeat(5000)],
    Array.from({ length: 1000 }, (_, i) => `^name[${i}]+$`),
  ])
    await assert.rejects(anyPattern(patterns), tooLong);
  const names = await anyPattern(Array.from({ length: 20_000 }, (_, i) => `^name-${i}$`));
  assert.equal(names('name-19999'), true);
});
