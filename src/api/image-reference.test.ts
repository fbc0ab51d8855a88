import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseImageReference, pullReference, repoTagReference } from './image-reference.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

test('names in their parts', () => {
  assert.deepEqual(parseImageReference('busybox'), { name: 'busybox', tag: '', digest: '' });
  assert.deepEqual(parseImageReference('localhost:5000/a/b_c:1.0'), {
    name: 'localhost:5000/a/b_c',
    tag: '1.0',
    digest: '',
  });
  assert.deepEqual(parseImageReference(`REG.example/app@${DIGEST}`), {
    name: 'REG.example/app',
    tag: '',
    digest: DIGEST,
  });
  for (const bad of ['', 'a//b', 'a:', 'a:b:c', '-a', 'a@sha256:12', 'a b', 'a/'])
    assert.throws(() => parseImageReference(bad), /invalid reference format/, bad);
  assert.throws(() => parseImageReference('Busybox'), /repository name \(Busybox\) must be lowercase/);
});

test('repo and tag parameters', () => {
  assert.equal(repoTagReference('', 'x'), '');
  assert.equal(repoTagReference('app', ''), 'app:latest');
  assert.equal(repoTagReference('app:1', ''), 'app:1');
  assert.equal(repoTagReference('localhost:5000/app', '2'), 'localhost:5000/app:2');
  assert.throws(() => repoTagReference(`app@${DIGEST}`, ''), /cannot import digest reference/);
  assert.throws(() => repoTagReference('app', 'no good'), /invalid tag format/);
});

test('what a pull asks for', () => {
  assert.equal(pullReference('app', '1'), 'app:1');
  assert.equal(pullReference('app:', ''), 'app');
  assert.equal(pullReference('app:1', ''), 'app:1');
  assert.equal(pullReference('app', DIGEST), `app@${DIGEST}`);
  assert.throws(() => pullReference('scratch', ''), /'scratch' is a reserved name/);
});
