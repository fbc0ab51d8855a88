import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ExtractionPiece } from './extraction-messages.ts';
import { ExtractionWindow, WINDOW_BYTES } from './extraction-window.ts';

const bytesFrom = (start: number, sizeBytes: number): Buffer =>
  Buffer.from(Array.from({ length: sizeBytes }, (_, i) => ((start + i) * 31 + ((start + i) >> 8)) & 0xff));

test('every byte comes through in order, in memory that stays until it is given back', async () => {
  const sizes = fc.array(fc.oneof(fc.nat(2000), fc.integer({ min: 1, max: 700_000 })), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(5), async (chunkSizes, patience) => {
      const held: ExtractionPiece[] = [];
      const seen: Buffer[] = [];
      let most = 0;
      const read = () => {
        const piece = held.shift();
        if (!piece) return;
        seen.push(Buffer.from(new Uint8Array(window.memory, piece.at, piece.sizeBytes))); // as late as a thread may
        window.taken(piece.sizeBytes);
      };
      const window = new ExtractionWindow((piece) => {
        held.push(piece);
        most = Math.max(
          most,
          held.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        );
        for (let turns = 0; turns <= patience; turns++) setImmediate(turns === patience ? read : () => {});
      });
      let at = 0;
      const chunks = chunkSizes.map((size) => bytesFrom((at += size) - size, size));
      await pipeline(Readable.from(chunks), window);
      while (held.length > 0) read();
      assert.ok(most <= WINDOW_BYTES);
      assert.ok(Buffer.concat(seen).equals(Buffer.concat(chunks)));
    }),
    { numRuns: 25 },
  );
});

test('a thousand small chunks that are there at once are one message, and the last bytes wait for no more', async () => {
  const pieces: ExtractionPiece[] = [];
  const window = new ExtractionWindow((piece) => void pieces.push(piece));
  for (let i = 0; i < 1000; i++) window.write(Buffer.alloc(100));
  assert.deepEqual(pieces, []);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(pieces, [{ at: 0, sizeBytes: 100_000 }]);
  window.destroy();
});

test('what comes while the reader is at work is one message, when it has done with what it has', async () => {
  const pieces: ExtractionPiece[] = [];
  const window = new ExtractionWindow((piece) => void pieces.push(piece));
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  window.write(Buffer.alloc(100));
  await turn();
  for (let i = 0; i < 20; i++) {
    window.write(Buffer.alloc(100));
    await turn();
  }
  assert.deepEqual(pieces, [{ at: 0, sizeBytes: 100 }]);
  window.taken(100);
  assert.deepEqual(pieces.slice(1), [{ at: 100, sizeBytes: 2000 }]);
  window.write(Buffer.alloc(1));
  window.destroy();
  window.taken(2000);
  await turn();
  assert.equal(pieces.length, 2);
});

test('a window that is full takes no more until some of it is given back, and one that is given up asks for nothing', async () => {
  const pieces: ExtractionPiece[] = [];
  const window = new ExtractionWindow((piece) => void pieces.push(piece));
  let written = false;
  window.write(Buffer.alloc(WINDOW_BYTES + 10), () => (written = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(written, false);
  assert.equal(
    pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    WINDOW_BYTES,
  );
  window.taken(pieces[0]!.sizeBytes);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(written, true);
  assert.deepEqual(pieces.at(-1), { at: 0, sizeBytes: 10 });
  window.destroy();
  window.taken(1);
});
