import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  describeReference,
  familiarReference,
  formatReference,
  parseAnyReference,
  parseReference,
  withDefaultTag,
} from './image-reference.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

test('names are completed and shown short as Docker does', () => {
  const cases: [given: string, whole: string, familiar: string][] = [
    ['busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['index.docker.io/library/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['training/webapp', 'docker.io/training/webapp:latest', 'training/webapp:latest'],
    ['library/a/b', 'docker.io/library/a/b:latest', 'library/a/b:latest'],
    ['localhost/x', 'localhost/x:latest', 'localhost/x:latest'],
    ['localhost:5000/x/y:tag', 'localhost:5000/x/y:tag', 'localhost:5000/x/y:tag'],
    ['127.0.0.1:5000/x', '127.0.0.1:5000/x:latest', '127.0.0.1:5000/x:latest'],
    ['[::1]:5000/x', '[::1]:5000/x:latest', '[::1]:5000/x:latest'],
    ['Example/x', 'Example/x:latest', 'Example/x:latest'],
    ['quay.io/a/b__c--d.e', 'quay.io/a/b__c--d.e:latest', 'quay.io/a/b__c--d.e:latest'],
    [`busybox@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`, `busybox@${DIGEST}`],
    [`busybox:x@${DIGEST}`, `docker.io/library/busybox:x@${DIGEST}`, `busybox:x@${DIGEST}`],
  ];
  for (const [given, whole, familiar] of cases) {
    const reference = withDefaultTag(parseReference(given));
    assert.equal(formatReference(reference), whole);
    assert.equal(familiarReference(reference), familiar);
    assert.deepEqual(withDefaultTag(parseReference(familiar)), reference, 'the short form means the same');
  }
});

test('what is no reference is refused in Docker words', () => {
  const invalid = 'invalid reference format';
  const cases: [given: string, message: string][] = [
    ['', invalid],
    [':tag', invalid],
    ['a b', invalid],
    ['x:', invalid],
    ['-x', invalid],
    ['a..b', invalid],
    ['a/', invalid],
    ['../x', invalid],
    ['x@sha256:abc', invalid],
    ['Foo', `${invalid}: repository name (library/Foo) must be lowercase`],
    ['localhost:5000/Foo', `${invalid}: repository name (Foo) must be lowercase`],
    ['f'.repeat(64), `invalid repository name (${'f'.repeat(64)}), cannot specify 64-byte hexadecimal strings`],
    [`x@sha256:${'a'.repeat(40)}`, 'invalid checksum digest length'],
    [`x@md5:${'a'.repeat(32)}`, 'unsupported digest algorithm'],
    [`${'a/'.repeat(130)}b`, 'repository name must not be more than 255 characters'],
    [`x:${'t'.repeat(129)}`, invalid],
  ];
  for (const [given, message] of cases) assert.throws(() => parseReference(given), { kind: 'invalid', message }, given);
});

test('IDs are distinguished from names', () => {
  assert.deepEqual(parseAnyReference('f'.repeat(64)), { kind: 'id', id: `sha256:${'f'.repeat(64)}` });
  assert.deepEqual(parseAnyReference(DIGEST), { kind: 'id', id: DIGEST });
  assert.equal(parseAnyReference('sha256:abc').kind, 'name');
  assert.equal(describeReference('nosuch'), 'nosuch:latest');
  assert.equal(describeReference(DIGEST), DIGEST);
});

test('every reference survives a round trip', () => {
  const component = fc.stringMatching(/^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/, { maxLength: 12 });
  const domain = fc.constantFrom('docker.io', 'localhost:5000', 'quay.io', '10.0.0.1:80');
  const tag = fc.stringMatching(/^\w[\w.-]{0,20}$/);
  fc.assert(
    fc.property(domain, fc.array(component, { minLength: 1, maxLength: 4 }), tag, (host, path, label) => {
      const reference = parseReference(`${host}/${path.join('/')}:${label}`);
      assert.deepEqual(parseReference(formatReference(reference)), reference);
      // 'docker.io/0.0/a' loses its meaning when shortened, with Docker as here.
      fc.pre(host !== 'docker.io' || !path[0]!.includes('.'));
      assert.deepEqual(parseReference(familiarReference(reference)), reference);
    }),
  );
});
