import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBindText } from './bind-text.ts';

const refusal = (text: string): string => {
  try {
    parseBindText(text);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

test('a mode of each kind may be given, in any order', () => {
  for (const mode of ['ro', 'rw,z', 'ro,Z,cached', 'consistent,ro', 'z,delegated'])
    for (const source of ['vol', '/dir']) assert.equal(refusal(`${source}:/a:${mode}`), '', mode);
  assert.deepEqual(parseBindText('/dir:/a//b/:ro,rshared'), {
    source: '/dir',
    isPath: true,
    target: '/a/b',
    mode: 'ro,rshared',
    readonly: true,
    propagation: 'rshared',
    noCopy: false,
  });
  assert.equal(parseBindText('vol:/a:nocopy').noCopy, true);
});

test('a kind of mode that is given twice, or is none, is refused', () => {
  for (const mode of ['ro,rw', 'ro,ro', 'z,Z', 'z,z', 'nocopy,nocopy', 'rshared,rslave', 'cached,delegated'])
    for (const source of ['vol', '/dir']) assert.equal(refusal(`${source}:/a:${mode}`), `invalid mode: ${mode}`);
  for (const mode of ['bind,ro', ',', 'ro,', 'RO', 'bogus'])
    assert.equal(refusal(`vol:/a:${mode}`), `invalid mode: ${mode}`);
});

test('modes of volumes are refused for directories of the host, and the other way round', () => {
  assert.equal(
    refusal('/tmp:/a:nocopy,ro'),
    `invalid volume specification: '/tmp:/a:nocopy,ro': invalid mount config for type "bind": field VolumeOptions must not be specified`,
  );
  assert.equal(
    refusal('va:/a:rshared'),
    `invalid volume specification: 'va:/a:rshared': invalid mount config for type "volume": field BindOptions must not be specified`,
  );
});

test('a target is absolute and not the root', () => {
  for (const target of ['/', '/..', '//'])
    assert.match(refusal(`va:${target}`), /^invalid volume specification: 'va:\/.*destination can't be '\/'$/);
  assert.match(refusal('/tmp:rel'), /type "bind": invalid mount path: 'rel' mount path must be absolute$/);
});
