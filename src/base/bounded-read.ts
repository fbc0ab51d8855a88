/**
 * A whole stream in memory, up to a bound. Undefined as soon as there is more; the stream is then left as it is, for
 * the caller to answer or to cut. Pieces of any size, single bytes too, take no more memory than what is in them.
 */
import type { Readable } from 'node:stream';

const FIRST_BYTES = 16 * 1024;

export async function readBounded(source: Readable, maxBytes: number): Promise<Buffer | undefined> {
  let buffer: Buffer = Buffer.alloc(0);
  let size = 0;
  for await (const piece of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    if (size + piece.length > maxBytes) return undefined;
    if (size === 0 && piece.length > FIRST_BYTES) buffer = piece;
    else {
      if (size + piece.length > buffer.length) {
        const grown = Buffer.allocUnsafe(Math.max(FIRST_BYTES, 2 * (size + piece.length)));
        buffer.copy(grown, 0, 0, size);
        buffer = grown;
      }
      piece.copy(buffer, size);
    }
    size += piece.length;
  }
  return buffer.subarray(0, size);
}
