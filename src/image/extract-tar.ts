/**
 * Extracts an uncompressed archive while other work gets its turn: in a thread, or where there is none in pieces here.
 */
import { read } from 'node:fs';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { canceled, extractionThreads, hasExtractionThreads } from './extraction-threads.ts';
import { TarExtraction } from './tar-extraction.ts';
import type { ExtractionTarget } from './tree-extraction.ts';

const readPiece = promisify(read);
const PIECE_BYTES = 64 * 1024;

/**
 * Rejects with the first complaint in Docker's form, and when `signal` aborts: then nothing writes to the tree any
 * more. `tar` is a stream, or the descriptor of a file read from its current offset.
 */
export async function extractTar(
  tar: Readable | number,
  target: ExtractionTarget,
  signal?: AbortSignal,
): Promise<void> {
  if (signal?.aborted) throw canceled();
  if (hasExtractionThreads) return extractionThreads.extract(tar, target, signal);
  return extractHere(typeof tar === 'number' ? pieces(tar) : tar, target, signal);
}

async function extractHere(
  chunks: AsyncIterable<Buffer>,
  target: ExtractionTarget,
  signal: AbortSignal | undefined,
): Promise<void> {
  const extraction = new TarExtraction(target);
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
        extraction.consume(chunk.subarray(at, at + PIECE_BYTES));
        await new Promise((resolve) => setImmediate(resolve));
        if (signal?.aborted) throw canceled();
      }
    }
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
