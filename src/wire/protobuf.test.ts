import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  content,
  contentMap,
  decode,
  encode,
  flag,
  list,
  message,
  name,
  nested,
  text,
  textMap,
  texts,
  whole,
  wide,
} from './protobuf.ts';

const inner = message({ label: text(1), count: whole(2) });
const outer = message({
  title: text(1),
  bytes: content(2),
  number: whole(3),
  yes: flag(4),
  words: texts(5),
  inner: nested(6, inner),
  inners: list(7, inner),
  attrs: textMap(8),
  blobs: contentMap(9),
  path: name(2000),
  wide: wide(2001),
});

const innerValue = fc.record({ label: fc.string(), count: fc.maxSafeInteger() }, { noNullPrototype: true });
const value = fc.record(
  {
    title: fc.string(),
    bytes: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    number: fc.maxSafeInteger(),
    yes: fc.boolean(),
    words: fc.array(fc.string()),
    inner: fc.option(innerValue, { nil: undefined }),
    inners: fc.array(innerValue),
    attrs: fc.array(fc.tuple(fc.string(), fc.string())).map((entries) => new Map(entries)),
    blobs: fc
      .array(
        fc.tuple(
          fc.string(),
          fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        ),
      )
      .map((entries) => new Map(entries)),
    path: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1')),
    wide: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  },
  { noNullPrototype: true },
);

test('what is written is read back', () => {
  fc.assert(fc.property(value, (one) => assert.deepEqual(decode(outer, encode(outer, one)), one)));
});

test('the bytes are those of the specification', () => {
  assert.equal(encode(outer, { number: 150 }).toString('hex'), '189601');
  assert.equal(encode(outer, { number: -1 }).toString('hex'), '18ffffffffffffffffff01');
  assert.equal(encode(outer, { title: 'testing' }).toString('hex'), '0a0774657374696e67');
  assert.equal(encode(outer, { inner: { label: '', count: 150 } }).toString('hex'), '3203109601');
  assert.equal(encode(outer, { attrs: new Map([['a', 'b']]) }).toString('hex'), '42060a016112' + '0162');
});

test('fields that nobody knows are skipped, whatever their kind', () => {
  // 15: a number, bytes, 8 bytes, 4 bytes; then the title.
  const bytes = Buffer.from('7896017a0161790102030405060708' + '7d01020304' + '0a0161', 'hex');
  assert.equal(decode(outer, bytes).title, 'a');
});

test('what is no message is refused and nothing else happens', () => {
  for (const hex of ['0a05616263', '18', '18ffffffffffffffffffff01', '0f', '1a0161', '0801', '00', '79010203'])
    assert.throws(() => decode(outer, Buffer.from(hex, 'hex')), { kind: 'invalid' }, hex);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decode(outer, Buffer.from(bytes));
      } catch (error) {
        assert.equal((error as { kind?: string }).kind, 'invalid');
      }
    }),
  );
});

test('a list is bounded', () => {
  assert.throws(() => decode(outer, Buffer.from('2a00'.repeat(100_001), 'hex')), /more than 100000/);
});
