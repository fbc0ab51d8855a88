import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { NetlinkWriter, readMessages } from '../netlink/message.ts';
import {
  concatenate,
  elementMaxBytes,
  interfaceNameField,
  joinIntervals,
  nextKey,
  parseElement,
  parseElements,
  writeElement,
  type IntervalForm,
  type SetElement,
} from './elements.ts';

function roundTrip(elements: readonly SetElement[], form: IntervalForm) {
  const writer = new NetlinkWriter(64);
  writer.begin(16, 0);
  for (const element of elements) {
    const before = writer.length;
    writeElement(writer, element, form, true);
    assert.ok(writer.length - before <= elementMaxBytes(element), 'the estimate is an upper bound');
  }
  writer.end();
  return parseElements([...readMessages(writer.bytes())][0]!.payload);
}

const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((value) => Buffer.from(value));
const name = fc.stringMatching(/^[ -~]{1,40}$/);
const verdict = fc.oneof(
  fc.constantFrom('accept', 'drop', 'return', 'continue').map((word) => ({ verdict: word })),
  fc.record({ verdict: fc.constantFrom('jump', 'goto'), chain: name }, { noNullPrototype: true }),
);
const element = fc.record(
  { key: bytes(8), keyEnd: bytes(8), data: fc.oneof(bytes(4), bytes(8), verdict), comment: name },
  { requiredKeys: ['key'], noNullPrototype: true },
) as fc.Arbitrary<SetElement>;

test('elements with both ends inside come back as they were', () => {
  fc.assert(
    fc.property(fc.array(element, { maxLength: 8 }), (elements) => {
      assert.deepEqual(
        roundTrip(elements, 'inside').map((listed) => listed.element),
        elements,
      );
    }),
  );
});

test('intervals as pairs are joined again, adjacent ones and the last key included', () => {
  const numbers = fc.uniqueArray(fc.nat(0xffff), { minLength: 2, maxLength: 20 });
  const key = (number: number) => Buffer.from([number >> 8, number & 255]);
  fc.assert(
    fc.property(numbers, fc.boolean(), (list, upToTheLast) => {
      const sorted = [...list].sort((a, b) => a - b).slice(0, list.length & ~1);
      if (upToTheLast) sorted[sorted.length - 1] = 0xffff;
      const elements: SetElement[] = [];
      for (let index = 0; index < sorted.length; index += 2) {
        elements.push({ key: key(sorted[index]!), keyEnd: key(sorted[index + 1]!) });
      }
      assert.deepEqual(joinIntervals(roundTrip(elements, 'pair'), true), elements);
    }),
  );
  assert.deepEqual(joinIntervals(roundTrip([{ key: key(5) }], 'pair'), true), [{ key: key(5), keyEnd: key(5) }]);
});

test('the next key carries, and there is none after the last', () => {
  assert.deepEqual(nextKey(Buffer.from([1, 255, 255])), Buffer.from([2, 0, 0]));
  assert.equal(nextKey(Buffer.from([255, 255])), undefined);
});

test('fields of a concatenation are padded to four bytes each', () => {
  const key = concatenate(Buffer.from([6]), Buffer.from([0x1f, 0x90]), Buffer.from([10, 0, 0, 1]));
  assert.equal(key.toString('hex'), '060000001f9000000a000001');
  assert.equal(interfaceNameField('eth0').toString('latin1'), `eth0${'\0'.repeat(12)}`);
});

test('a reader of elements survives any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
      parseElement(Buffer.from(input));
      joinIntervals(parseElements(Buffer.from(input)), true);
    }),
    { numRuns: 1000 },
  );
});
