import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OffsetSet } from './offset-set.ts';

const command = (size: bigint) =>
  fc.record({
    kind: fc.constantFrom('add', 'delete', 'lowest'),
    at: fc.bigInt({ min: 0n, max: size - 1n }),
    to: fc.bigInt({ min: 0n, max: size - 1n }),
  });

for (const bits of [0, 1, 2, 4, 5, 6, 9, 10, 11]) {
  test(`a set of ${bits} bits behaves as a plain set does`, () => {
    const size = 1n << BigInt(bits);
    fc.assert(
      fc.property(fc.array(command(size), { maxLength: 300 }), fc.boolean(), (commands, startFull) => {
        const set = new OffsetSet(bits);
        const model = new Set<bigint>();
        if (startFull) {
          for (let offset = 0n; offset < size; offset++) {
            set.add(offset);
            model.add(offset);
          }
        }
        for (const { kind, at, to } of commands) {
          if (kind === 'add') assert.equal(set.add(at), !model.has(at) && Boolean(model.add(at)));
          else if (kind === 'delete') assert.equal(set.delete(at), model.delete(at));
          else {
            let expected: bigint | undefined;
            for (let offset = at; offset <= to; offset++) {
              if (!model.has(offset)) {
                expected = offset;
                break;
              }
            }
            assert.equal(set.lowestMissing(at, to), expected);
          }
          assert.equal(set.has(at), model.has(at));
        }
      }),
      { numRuns: bits > 8 ? 30 : 100 },
    );
  });
}

test('sparse numbers of 64 and 128 bits', () => {
  for (const bits of [64, 128]) {
    const last = (1n << BigInt(bits)) - 1n;
    const set = new OffsetSet(bits);
    assert.equal(set.lowestMissing(0n, last), 0n);
    assert.equal(set.add(last), true);
    assert.equal(set.add(0n), true);
    assert.equal(set.add(1n << 63n), true);
    assert.equal(set.lowestMissing(0n, last), 1n);
    assert.equal(set.lowestMissing(1n << 63n, last), (1n << 63n) + 1n);
    assert.equal(set.lowestMissing(last, last), undefined);
    assert.equal(set.delete(last), true);
    assert.equal(set.lowestMissing(last, last), last);
  }
});
