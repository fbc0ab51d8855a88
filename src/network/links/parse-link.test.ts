import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatLink, innerAlias, parseLink } from './parse-link.ts';

test('what --link takes', () => {
  assert.deepEqual(parseLink('db:database'), { source: 'db', alias: 'database' });
  assert.deepEqual(parseLink('db'), { source: 'db', alias: 'db' });
  assert.deepEqual(parseLink('multi:'), { source: 'multi', alias: '' });
  assert.deepEqual(parseLink('/db'), { source: 'db', alias: 'db' });
  assert.deepEqual(parseLink('/db:/web/database'), { source: 'db', alias: 'database' });
  assert.equal(formatLink('db', 'web', 'database'), '/db:/web/database');
  assert.deepEqual(parseLink(formatLink('db', 'web', 'x')), { source: 'db', alias: 'x' });
});

test('of an alias with slashes the last part is what the container knows', () => {
  for (const [alias, inner] of [
    ['db', 'db'],
    ['a/db', 'db'],
    ['/a/b/db', 'db'],
    ['/db', 'db'],
    ['a/db/', 'db'],
    ['/', ''],
  ] as const)
    assert.equal(innerAlias(alias), inner, alias);
  assert.deepEqual(parseLink('db:a/b'), { source: 'db', alias: 'a/b' }, 'which is shown whole');
  assert.deepEqual(parseLink('db:/'), { source: 'db', alias: '' });
});

test('refusals', () => {
  assert.throws(() => parseLink('a:b:c'), { kind: 'invalid', message: 'bad format for links: a:b:c' });
  assert.throws(() => parseLink(''), { kind: 'invalid', message: 'empty string specified for links' });
});
