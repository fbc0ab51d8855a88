import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  attributeText,
  attributeU32,
  attributeU32BE,
  eachAttribute,
  NetlinkWriter,
  readAttributes,
  readMessages,
} from './message.ts';
import { parseAddress, parseNeighbour, parseRoute } from './address-codec.ts';
import { parseInterface, parseStatistics } from './link-codec.ts';
import { readError } from './netlink-socket.ts';
import { parseRouteNews } from './route-monitor.ts';
import { parseFlow } from '../conntrack.ts';

interface Attribute {
  readonly type: number;
  readonly value?: Uint8Array;
  readonly children?: readonly Attribute[];
}

const type = fc.integer({ min: 1, max: 0x3ffe });
const leaf: fc.Arbitrary<Attribute> = fc.record({ type, value: fc.uint8Array({ maxLength: 40 }) });
const branch = (below: fc.Arbitrary<Attribute>): fc.Arbitrary<Attribute> =>
  fc.record({ type, children: fc.array(below, { maxLength: 3 }) });
const tree = fc.oneof(leaf, branch(fc.oneof(leaf, branch(leaf))));

function write(writer: NetlinkWriter, attribute: Attribute): void {
  if (attribute.value) writer.attribute(attribute.type, attribute.value);
  else writer.nest(attribute.type, () => attribute.children?.forEach((child) => write(writer, child)));
}

function check(buffer: Buffer, start: number, expected: readonly Attribute[]): void {
  let index = 0;
  eachAttribute(buffer, start, (kind, value) => {
    const wanted = expected[index++]!;
    assert.equal(kind, wanted.type);
    if (wanted.value) assert.deepEqual(new Uint8Array(value), new Uint8Array(wanted.value));
    else check(value, 0, wanted.children ?? []);
  });
  assert.equal(index, expected.length);
}

test('what is written is read back, whatever the sizes and depths', () => {
  const message = fc.record({
    kind: fc.integer({ min: 16, max: 0xffff }),
    flags: fc.nat(0xffff),
    sequence: fc.nat(0xffffffff),
    attributes: fc.array(tree, { maxLength: 6 }),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
      const writer = new NetlinkWriter(16); // grows many times
      for (const { kind, flags, sequence, attributes } of messages) {
        writer.begin(kind, flags, sequence);
        writer.raw(Buffer.from([1, 2, 3, 4]));
        attributes.forEach((attribute) => write(writer, attribute));
        writer.end();
      }
      assert.equal(writer.messages, messages.length);
      const read = [...readMessages(writer.bytes())];
      assert.equal(read.length, messages.length);
      read.forEach((item, index) => {
        const wanted = messages[index]!;
        assert.deepEqual([item.type, item.flags, item.sequence], [wanted.kind, wanted.flags, wanted.sequence]);
        check(item.payload, 4, wanted.attributes);
      });
    }),
  );
});

test('scalars, in both byte orders, and text', () => {
  const writer = new NetlinkWriter();
  writer.begin(16, 0);
  writer.attributeU8(1, 0xfe);
  writer.attributeU16(2, 0xfedc);
  writer.attributeU16BE(3, 0xfedc);
  writer.attributeU32(4, 0xfedcba98);
  writer.attributeU32BE(5, -5);
  writer.attributeU64BE(6, 0xfedcba9876543210n);
  writer.attributeString(7, 'größe');
  writer.end();
  const [message] = [...readMessages(writer.bytes())];
  const attributes = readAttributes(message!.payload);
  assert.deepEqual(
    [...attributes.values()].map((value) => value.toString('hex')),
    ['fe', 'dcfe', 'fedc', '98badcfe', 'fffffffb', 'fedcba9876543210', `${Buffer.from('größe').toString('hex')}00`],
  );
  assert.equal(attributeU32(attributes.get(4)), 0xfedcba98);
  assert.equal(attributeU32BE(attributes.get(5)), 0xfffffffb);
  assert.equal(attributeText(attributes.get(7)), 'größe');
  assert.equal(attributeText(undefined), '');
  assert.equal(attributeU32(attributes.get(1)), undefined);
});

test('a list that is too long for its length field is refused, not cut', () => {
  const writer = new NetlinkWriter();
  writer.begin(16, 0);
  assert.throws(() => writer.attribute(1, Buffer.alloc(65_536)), RangeError);
  assert.throws(
    () =>
      writer.nest(1, () => {
        for (let index = 0; index < 3; index++) writer.attribute(1, Buffer.alloc(30_000));
      }),
    RangeError,
  );
});

test('readers survive any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(0xffff), fc.nat(0x3ff), (bytes, kind, flags) => {
      const buffer = Buffer.from(bytes);
      for (const message of readMessages(buffer)) assert.ok(message.payload.length <= buffer.length);
      parseInterface(buffer);
      parseAddress(buffer);
      parseRoute(buffer);
      parseNeighbour(buffer);
      parseStatistics(buffer);
      parseFlow(buffer);
      const message = { type: kind, flags, sequence: 0, portId: 0, payload: buffer };
      readError(message, 'x');
      readError({ ...message, type: 2 }, 'x');
      for (let news = 16; news < 32; news++) parseRouteNews({ ...message, type: news });
    }),
    { numRuns: 1000 },
  );
});
