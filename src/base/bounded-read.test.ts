import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { readBounded } from './bounded-read.ts';

test('the whole of it, however it comes', async () => {
  for (const pieces of [
    [],
    ['a'],
    ['ab', 'c'],
    ['x'.repeat(100_000)],
    ['x'.repeat(100_000), 'y', 'z'.repeat(50_000)],
  ]) {
    const read = await readBounded(Readable.from(pieces.map((piece) => Buffer.from(piece))), 200_000);
    assert.equal(read?.toString(), pieces.join(''));
  }
});

test('beyond the bound nothing more is read, and the source is left to the caller', async () => {
  let given = 0;
  const endless = new Readable({
    read() {
      given += 1000;
      this.push(Buffer.alloc(1000));
    },
  });
  assert.equal(await readBounded(endless, 50_000), undefined);
  assert.ok(given < 200_000);
  assert.equal(endless.destroyed, false);
  endless.destroy();
});

test('single bytes take no more memory than they are', async () => {
  const before = process.memoryUsage();
  let left = 1_000_000;
  const whole = Buffer.alloc(left);
  const drip = new Readable({
    read() {
      for (let i = 0; i < 1000; i++) this.push(left-- > 0 ? whole.subarray(left, left + 1) : null);
    },
  });
  drip.on('error', () => {});
  const read = await readBounded(drip, 2_000_000).catch(() => undefined);
  assert.ok(read === undefined || read.length === 1_000_000);
  assert.ok(process.memoryUsage().arrayBuffers - before.arrayBuffers < 50_000_000);
});
