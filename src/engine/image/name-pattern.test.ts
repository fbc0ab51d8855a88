import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyNamePattern } from './name-pattern.ts';

test('patterns match as path.Match does', async () => {
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
    ['a-c/d', 'a-c/d', true],
    ['[a\\-c]', '-', true],
    [`${'*a'.repeat(30)}c`, `${'a'.repeat(200)}b`, false],
  ] as const)
    assert.equal((await anyNamePattern([pattern]))(name), matches, `${pattern} ${name}`);
});

test("what is wrong in a pattern is refused as the client's fault", async () => {
  for (const pattern of ['[z-a]', '[', '[]', '[]a]', '[-]', '[x-]', '[a', 'a\\', '[a-', '[^']) {
    await assert.rejects(anyNamePattern([pattern]), { kind: 'invalid', message: 'syntax error in pattern' }, pattern);
  }
});
