import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pullReference, pushReference, repoTagReference, tagTarget } from './named-image.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

test('repo and tag parameters', () => {
  assert.equal(repoTagReference('', 'x'), '');
  assert.equal(repoTagReference('app', ''), 'app:latest');
  assert.equal(repoTagReference('app:1', ''), 'app:1');
  assert.equal(repoTagReference('app:1', '2'), 'app:2');
  assert.equal(repoTagReference('docker.io/library/app', '2'), 'app:2');
  assert.equal(repoTagReference('localhost:5000/app', '2'), 'localhost:5000/app:2');
  assert.throws(() => repoTagReference(`app@${DIGEST}`, ''), /cannot import digest reference/);
  assert.throws(() => repoTagReference('app', 'no good'), /^CausewayError: invalid tag format$/);
  assert.throws(() => repoTagReference('App', ''), /repository name \(library\/App\) must be lowercase/);
});

test('what a pull asks for', () => {
  assert.equal(pullReference('app', '1'), 'app:1');
  assert.equal(pullReference('app:', ''), 'app');
  assert.equal(pullReference('app:1', ''), 'app:1');
  assert.equal(pullReference('app', DIGEST), `app@${DIGEST}`);
  assert.equal(pullReference('app:1', DIGEST), `app@${DIGEST}`);
  assert.equal(pullReference(`reg.example/app@${DIGEST}`, ''), `reg.example/app@${DIGEST}`);
  for (const tag of ['sha256:12', 'sha256:', ':', 'md5:x', 'a b:c'])
    assert.throws(() => pullReference('app', tag), { kind: 'invalid', message: 'invalid tag format' }, tag);
  for (const name of ['scratch', 'docker.io/library/scratch', 'scratch:1'])
    assert.throws(() => pullReference(name, ''), /'scratch' is a reserved name/);
});

test('what a push sends', () => {
  assert.equal(pushReference('app', ''), 'app', 'all tags');
  assert.equal(pushReference('app:1', ''), 'app:1');
  assert.equal(pushReference('localhost:5000/app', '2'), 'localhost:5000/app:2');
  assert.throws(() => pushReference('a//b', ''), /invalid reference format/);
});

test('a new name is not that of a digest algorithm', () => {
  assert.equal(tagTarget('app', 'v1'), 'app:v1');
  assert.throws(() => tagTarget('', 'v1'), /invalid reference format/);
  for (const name of ['sha256', 'library/sha256', 'docker.io/library/sha256:1'])
    assert.throws(() => tagTarget(name, ''), /refusing to create an ambiguous tag/, name);
});
