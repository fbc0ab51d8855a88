import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameReader } from './frames.ts';

const frame = (bytes: number, fill: number): Buffer =>
  Buffer.concat([Buffer.from([bytes >> 8, bytes & 255]), Buffer.alloc(bytes, fill)]);

function drain(reader: FrameReader): number[][] {
  const out: number[][] = [];
  for (let message = reader.next(); message; message = reader.next())
    out.push([message.length, message[0] ?? -1, message.at(-1) ?? -1]);
  return out;
}

test('messages of every length come whole, whatever the chunks', () => {
  const wanted = [
    [0, -1, -1],
    [1, 1, 1],
    [512, 2, 2],
    [65535, 3, 3],
    [0, -1, -1],
    [70, 4, 4],
  ];
  const stream = Buffer.concat(wanted.map(([length, fill]) => frame(length!, Math.max(0, fill!))));
  for (const size of [1, 2, 3, 511, 512, 4096, 65536, stream.length]) {
    const reader = new FrameReader();
    const got: number[][] = [];
    for (let at = 0; at < stream.length; at += size) {
      reader.push(stream.subarray(at, at + size));
      got.push(...drain(reader));
    }
    assert.deepEqual(got, wanted, `chunks of ${size}`);
    assert.equal(reader.hasMessage, false);
  }
});

test('messages that are left for later are not lost when more comes', () => {
  const reader = new FrameReader();
  for (let index = 1; index <= 50; index++) reader.push(frame(index, index));
  assert.equal(reader.next()!.length, 1);
  for (let index = 51; index <= 100; index++) reader.push(frame(index, index));
  assert.deepEqual(
    drain(reader),
    Array.from({ length: 99 }, (_, index) => [index + 2, index + 2, index + 2]),
  );
});
