import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { gathered } from './gathered.ts';

test('pieces of any sizes come as few that are as large as they may be, in the same order', async () => {
  const sizes = [0, 1, 512, 65_536, 70_000, 3, 131_072, 65_535, 1, 200];
  const reused = Buffer.alloc(131_072);
  const expected = createHash('sha256');
  async function* pieces(): AsyncGenerator<Buffer> {
    for (const [i, size] of sizes.entries()) {
      reused.fill(i + 1); // whoever gives them uses the same memory again
      expected.update(reused.subarray(0, size));
      yield reused.subarray(0, size);
    }
  }
  const all: Buffer[] = [];
  for await (const piece of gathered(pieces())) all.push(piece);
  assert.equal(createHash('sha256').update(Buffer.concat(all)).digest('hex'), expected.digest('hex'));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  assert.deepEqual(
    all.map(({ length }) => length),
    [...Array<number>(Math.floor(total / 65_536)).fill(65_536), total % 65_536],
  );
});
