import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { diffElements } from './diff.ts';
import { elementKey, type Element } from './element.ts';

const element: fc.Arbitrary<Element> = fc.record({
  set: fc.constantFrom('publish-any4', 'open4'),
  key: fc.constantFrom(['tcp', 1], ['tcp', 2], ['udp', 1]),
  value: fc.constantFrom(['172.17.0.2', 80], ['172.17.0.3', 80]),
});

test('a difference, applied, gives what was wanted, and touches nothing that was right', () => {
  fc.assert(
    fc.property(fc.array(element), fc.array(element), (before, after) => {
      const last = (list: Element[]) => new Map(list.map((one) => [elementKey(one), one.value]));
      const kernel = last(before);
      const { add, remove } = diffElements(kernel.size === 0 ? [] : before, after);
      for (const one of remove) assert.ok(kernel.delete(elementKey(one)), 'only what is there is removed');
      for (const one of add) {
        assert.equal(kernel.has(elementKey(one)), false, 'nothing is added on top of another value');
        kernel.set(elementKey(one), one.value);
      }
      assert.deepEqual([...kernel].toSorted(), [...last(after)].toSorted());
      const again = diffElements(after, after);
      assert.deepEqual(again, { add: [], remove: [] });
    }),
  );
});
