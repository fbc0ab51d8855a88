/** An uncompressed archive becomes a tree, in pieces between which everybody else has his turn. */
import { read } from 'node:fs';
import { promisify } from 'node:util';
import type { Readable } from 'node:stream';
import { TarReader } from './tar-reader.ts';
import { TreeExtraction, type ExtractionTarget } from './tree-extraction.ts';

const readPiece = promisify(read);
const PIECE_BYTES = 64 * 1024;

/** Rejects with the first complaint in Docker's form. `tar` is a stream, or the descriptor of a file read from where it stands. */
export async function extractTar(tar: Readable | number, target: ExtractionTarget): Promise<void> {
  const extraction = new TreeExtraction(target);
  const reader = new TarReader(extraction, (bytes) => extraction.content(bytes), { open: true });
  try {
    for await (const chunk of typeof tar === 'number' ? pieces(tar) : (tar as AsyncIterable<Buffer>)) {
      for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
        reader.consume(chunk.subarray(at, at + PIECE_BYTES));
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    reader.finish();
    extraction.end();
  } finally {
    extraction.abandon();
  }
}

async function* pieces(fd: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(4 * PIECE_BYTES);
  for (;;) {
    const { bytesRead } = await readPiece(fd, buffer, 0, buffer.length, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}
