import assert from 'node:assert/strict';
import test from 'node:test';
import { parseDockerfile } from './dockerfile.ts';
import { didYouMean } from './nearest-word.ts';
import { readMount } from './run-mount.ts';

test('the nearest word is meant, less than three letters away', () => {
  const known = ['build', 'test', 'builder'];
  const cases = { buidl: 'build', bulder: 'builder', tset: 'test', tests: 'test', x: '', buxxxer: '', Test: 'test' };
  for (const [word, meant] of Object.entries(cases))
    assert.equal(didYouMean(word, known, { exactCase: true }), meant === '' ? '' : ` (did you mean ${meant}?)`, word);
  assert.equal(didYouMean('build', ['builds', 'build'], { exactCase: true }), '', 'it is there');
  assert.equal(didYouMean('TSET', known, { exactCase: false }), ' (did you mean TEST?)');
});

test('instructions and their flags are hinted at in the case that was used', () => {
  const complaint = (file: string): string => {
    try {
      parseDockerfile(file);
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  assert.match(complaint('FORM a'), /unknown instruction: FORM \(did you mean FROM\?\)$/);
  assert.match(complaint('from a\nrum x'), /unknown instruction: rum \(did you mean run\?\)$/);
  assert.match(complaint('FROM a\nNONSENSE x'), /unknown instruction: NONSENSE$/);
  assert.match(complaint('FROM a\nCOPY --form=b c d'), /unknown flag: --form \(did you mean from\?\)$/);
  const same = (text: string): string => text;
  assert.throws(() => readMount('type=bund,target=/x', same), /mount type "bund" \(did you mean bind\?\)$/);
  assert.throws(
    () => readMount('tagret=/x', same),
    /unexpected key 'tagret' in 'tagret=\/x' \(did you mean target\?\)$/,
  );
});
