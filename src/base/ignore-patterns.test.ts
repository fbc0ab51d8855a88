import assert from 'node:assert/strict';
import test from 'node:test';
import { IgnorePatterns } from './ignore-patterns.ts';
import { PathGlob } from './path-glob.ts';

const CASES: readonly (readonly [patterns: readonly string[], path: string, ignored: boolean])[] = [
  [['docs', '!docs/README.md'], 'docs/README.md', false],
  [['docs', '!docs/README.md'], 'docs/other', true],
  [['!docs/README.md', 'docs'], 'docs/README.md', true],
  [['docs/', '!docs/a/**'], 'docs/a/b', false],
  [['/docs/./x'], 'docs/x', true],
  [['**'], 'a/b', true],
  [['**', '!a/b'], 'a/b', false],
  [['abc/**'], 'abc', false],
  [['abc/**'], 'abc/def/ghi', true],
  [['**/.foo'], 'bar.foo', false],
  [['**/.foo'], 'x/.foo', true],
  [['**file'], 'dir/otherfile', true],
  [['**/dir2/*'], 'dir/dir2/file', true],
  [['a**/*.txt'], 'a/dir/dir/file.txt', true],
  [['a/*.txt'], 'a/dir/file.txt', false],
  [['*/temp*'], 'a/temporary/x', true],
  [['a?c'], 'a/c', false],
  [['a[b-d]e'], 'ace', true],
  [['a[^b-d]e'], 'ace', false],
  [['a\\*b'], 'a*b', true],
  [['a+(b)|c.d'], 'a+(b)|c.d', true],
  [['A'], 'a', false],
];

for (const [patterns, path, ignored] of CASES)
  test(`${patterns.join(' ')} ${ignored ? 'leaves out' : 'keeps'} ${path}`, () => {
    const cleaned = IgnorePatterns.ofFile(patterns.join('\n'));
    assert.equal(cleaned.ignores(path), ignored);
  });

test('a file of patterns has comments, white space and exceptions of its own', () => {
  const patterns = IgnorePatterns.ofFile('\uFEFF# a\n  \n  x  \r\n! x/y \n#z\n');
  assert.deepEqual([patterns.ignores('x'), patterns.ignores('x/y'), patterns.ignores('#z')], [true, false, false]);
  assert.throws(() => IgnorePatterns.ofFile('!'), /illegal exclusion pattern: "!"/);
  assert.throws(() => IgnorePatterns.ofFile('a[]b'), /syntax error in pattern/);
});

test('a pattern that could match in a million ways takes no longer than another', () => {
  const pattern = `${'**/a*'.repeat(40)}b`;
  assert.equal(new IgnorePatterns([pattern]).ignores(`${'a/'.repeat(200)}c`), false);
});

test('without double stars a pattern stays within one name', () => {
  assert.equal(new PathGlob('a*', { deep: false }).matches('ab/c'), false);
  assert.equal(new PathGlob('a**b', { deep: false }).matches('axb'), true);
});

const BELOW: readonly (readonly [patterns: readonly string[], directory: string, look: boolean])[] = [
  [['node_modules'], 'node_modules', false],
  [['node_modules', '!README.md'], 'node_modules', false],
  [['node_modules', '!node_modules/a/keep'], 'node_modules', true],
  [['node_modules', '!node_modules/a/keep'], 'node_modules/a', true],
  [['node_modules', '!node_modules/a/keep'], 'node_modules/b', false],
  [['*', '!src/*.ts'], 'src', true],
  [['*', '!src/*.ts'], 'doc', false],
  [['*', '!**/keep'], 'doc/deep', true],
  [['docs/x', '!docs'], 'docs/x', true],
  [['*', '!/src/x'], 'src', true],
];

test('what is left out is looked into only where an exception may take something back', () => {
  for (const [patterns, directory, look] of BELOW)
    assert.equal(new IgnorePatterns(patterns).mayKeepBelow(directory), look, `${patterns.join(' ')}: ${directory}`);
});
