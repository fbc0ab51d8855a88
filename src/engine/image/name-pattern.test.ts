import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namePattern } from './name-pattern.ts';

test('patterns match as path.Match does', () => {
  for (const [pattern, name, matches] of [
    ['busy*', 'busybox', true],
    ['*', 'team/app', false],
    ['*/*', 'team/app', true],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['[a-c]x', 'bx', true],
    ['[^a-c]x', 'bx', false],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['a.c', 'abc', false],
    ['[\\]]', ']', true],
    ['**a**', 'bab', true],
  ] as const) assert.equal(namePattern(pattern).test(name), matches, `${pattern} ${name}`);
});

test('what is wrong in a pattern is refused as the client\'s fault', () => {
  for (const pattern of ['[z-a]', '[', '[]', '[]a]', '[-]', '[x-]', '[a', 'a\\', '[a-', '[^']) {
    assert.throws(() => namePattern(pattern), { kind: 'invalid', message: 'syntax error in pattern' }, pattern);
  }
});
