import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DetachScanner, parseDetachKeys } from './detach-keys.ts';

test('keys are read as Docker reads them', () => {
  assert.deepEqual([...parseDetachKeys('', 'detach')], [16, 17]);
  assert.deepEqual([...parseDetachKeys('ctrl-a,a,ctrl-\\,ctrl-_,ctrl-@', 'detach')], [1, 97, 28, 31, 0]);
  assert.throws(() => parseDetachKeys('ctrl-1', 'detach'), /^CausewayError: Invalid detach keys \(ctrl-1\) provided$/);
  assert.throws(() => parseDetachKeys('nope', 'escape'), /Invalid escape keys \(nope\) provided/);
  assert.deepEqual([...parseDetachKeys('DEL, ,~', 'detach')], [127, 32, 126]);
  for (const text of ['ctrl-A', 'CTRL-a', 'ctrl-', 'ctrl-ab', 'shift-a', 'a,,b', 'a,', ',', 'é', 'del', 'ctrl- '])
    assert.throws(() => parseDetachKeys(text, 'detach'), /^CausewayError: Invalid detach keys \(.*\) provided$/, text);
});

test('however input is cut, all of it passes until the keys are complete', () => {
  const byte = fc.constantFrom(1, 2, 3);
  fc.assert(
    fc.property(fc.array(fc.array(byte, { maxLength: 5 }), { maxLength: 8 }), (chunks) => {
      const keys = Buffer.from([1, 2]);
      const input = Buffer.from(chunks.flat());
      const at = input.indexOf(keys);
      const scanner = new DetachScanner(keys);
      const passed: number[] = [];
      let detached = false;
      for (const chunk of chunks) {
        const result = scanner.scan(Buffer.from(chunk));
        passed.push(...result.data);
        detached = result.detached;
        if (detached) break;
      }
      if (!detached) passed.push(...scanner.rest());
      assert.equal(detached, at !== -1);
      assert.deepEqual(passed, [...(at === -1 ? input : input.subarray(0, at))]);
    }),
  );
});
