import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { closeFrame, FrameReader, frameHeader, FrameViolation, OPCODE, type Incoming } from './frames.ts';

interface Sent {
  readonly opcode: number;
  readonly payload: Buffer;
  readonly last?: boolean;
}

/** A client's frame. */
function masked({ opcode, payload, last = true }: Sent, mask = Buffer.from([1, 2, 3, 4])): Buffer {
  const header = frameHeader(opcode, payload.length);
  header[0] = (last ? 0x80 : 0) | opcode;
  header[1]! |= 0x80;
  return Buffer.concat([header, mask, payload.map((byte, at) => byte ^ mask[at % 4]!)]);
}

function readAll(bytes: Buffer, cuts: readonly number[] = []): Incoming[] {
  const reader = new FrameReader();
  const all: Incoming[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    all.push(...reader.read(Buffer.from(bytes.subarray(from, to))));
    from = to;
  }
  return all;
}

const dataOf = (all: readonly Incoming[]): Buffer =>
  Buffer.concat(all.flatMap((one) => (one.kind === 'data' ? [one.data] : [])));

test('however frames and their bytes are cut, the payloads come out in order', () => {
  const payload = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  const mask = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes));
  const message = fc.tuple(fc.array(payload, { minLength: 1, maxLength: 3 }), fc.constantFrom(1, 2), mask);
  fc.assert(
    fc.property(fc.array(message, { maxLength: 4 }), fc.array(fc.nat(2000), { maxLength: 6 }), (messages, at) => {
      const frames = messages.flatMap(([parts, opcode, key]) =>
        parts.flatMap((part, index) => [
          masked({ opcode: index === 0 ? opcode : 0, payload: part, last: index === parts.length - 1 }, key),
          masked({ opcode: OPCODE.ping, payload: Buffer.from('?') }), // between the pieces of a message, as it may be
        ]),
      );
      const bytes = Buffer.concat(frames);
      const all = readAll(
        bytes,
        at.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b),
      );
      assert.deepEqual(dataOf(all), Buffer.concat(messages.flatMap(([parts]) => parts)));
      assert.equal(all.filter(({ kind }) => kind === 'ping').length, messages.flatMap(([parts]) => parts).length);
    }),
  );
});

test('lengths of all three forms', () => {
  for (const size of [0, 125, 126, 65_535, 65_536, 200_000]) {
    const payload = Buffer.alloc(size, 7);
    assert.deepEqual(dataOf(readAll(masked({ opcode: OPCODE.binary, payload }))), payload, String(size));
  }
});

test('the payload of a frame passes before its end has come', () => {
  const reader = new FrameReader();
  const announced = masked({ opcode: OPCODE.binary, payload: Buffer.alloc(1_000_000, 1) });
  assert.equal(dataOf([...reader.read(Buffer.from(announced.subarray(0, 100)))]).length, 100 - 14);
});

test('nothing behind a close frame is read', () => {
  const bytes = Buffer.concat([
    masked({ opcode: OPCODE.text, payload: Buffer.from('a') }),
    masked({ opcode: OPCODE.close, payload: Buffer.from([3, 232]) }),
    masked({ opcode: OPCODE.text, payload: Buffer.from('b') }),
  ]);
  assert.deepEqual(
    readAll(bytes).map(({ kind }) => kind),
    ['data', 'close'],
  );
});

test('what no client may send is refused', () => {
  const text = (last: boolean): Buffer => masked({ opcode: OPCODE.text, payload: Buffer.from('x'), last });
  const refused: Readonly<Record<string, Buffer>> = {
    'not masked': Buffer.concat([frameHeader(OPCODE.text, 1), Buffer.from('x')]),
    'a reserved bit': Buffer.from([0xc1, 0x80, 0, 0, 0, 0]),
    'an opcode that is not defined': Buffer.from([0x83, 0x80, 0, 0, 0, 0]),
    'a ping of 126 bytes': masked({ opcode: OPCODE.ping, payload: Buffer.alloc(126) }),
    'a ping in pieces': masked({ opcode: OPCODE.ping, payload: Buffer.alloc(1), last: false }),
    'a continuation of nothing': masked({ opcode: OPCODE.continuation, payload: Buffer.alloc(1) }),
    'a message within another': Buffer.concat([text(false), text(true)]),
    'a length beyond any': Buffer.concat([Buffer.from([0x82, 0xff]), Buffer.alloc(8, 0xff), Buffer.alloc(4)]),
  };
  for (const [what, bytes] of Object.entries(refused)) assert.throws(() => readAll(bytes), FrameViolation, what);
  assert.throws(() => readAll(refused['not masked']!, [1]), FrameViolation, 'also in pieces');
});

test('whatever comes, it is frames or refused, and little of it is kept', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (chunks) => {
      const reader = new FrameReader();
      let given = 0;
      let taken = 0;
      try {
        for (const chunk of chunks) {
          given += chunk.length;
          for (const one of reader.read(Buffer.from(chunk))) {
            if (one.kind === 'close') return;
            taken += one.kind === 'data' ? one.data.length : one.payload.length;
          }
        }
      } catch (error) {
        assert.ok(error instanceof FrameViolation);
      }
      assert.ok(taken <= given);
    }),
  );
});

test('close frames of a server', () => {
  assert.deepEqual([...closeFrame(1000)], [0x88, 2, 3, 232]);
});
