import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { linkNameComplaint, shellWord } from './link-name.ts';

test('names that interfaces may have', () => {
  for (const name of ['docker0', 'eth0.10', 'br-0123456789ab', 'é', 'a$b', "a'b", 'a\\b', 'a;b', 'exactly-fifteen'])
    assert.equal(linkNameComplaint(name), undefined, name);
  for (const name of [
    '',
    'a"b',
    'a*',
    'a+',
    'br%d',
    'a b',
    'a/b',
    'a:b',
    'a\nb',
    'a\x1bb',
    'a\x7fb',
    'à',
    '.',
    '..',
    'all',
    'default',
    'sixteen-letters-',
    'a\ufffd',
  ])
    assert.notEqual(linkNameComplaint(name), undefined, name);
});

test('a word of a shell command is what it was, and plain where it can be', () => {
  assert.equal(shellWord('br-web'), 'br-web');
  for (const text of ['a b', "it's", 'a$(id)`', 'a"b\\', "\x1b[1m\\'é", '-x', ''])
    assert.equal(
      spawnSync('bash', ['--norc', '-c', `printf %s ${shellWord(text)}`], { encoding: 'utf8' }).stdout,
      text,
    );
  assert.doesNotMatch(shellWord('\x1b[1m'), /\p{Cc}/u);
});
