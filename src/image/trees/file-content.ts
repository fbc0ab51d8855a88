/** The content of the very file that a descriptor names, in pieces. */
import { fstatSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { closeFd } from '../../kernel/descriptors.ts';
import { openNamedFile, whenNotLeased } from '../../kernel/regular-file.ts';

const readPiece = promisify(read);
const PIECE_BYTES = 256 * 1024;
/** A file of no more than this is read at once: a turn of a thread for each of thousands takes longer than reading them. */
const SMALL_BYTES = 32 * 1024;

/** `name` is for a refusal. A piece is good until the next one is asked for. */
export async function* fileContent(place: number, name: string): AsyncGenerator<Buffer> {
  const fd = await whenNotLeased(name, () => openNamedFile(place));
  try {
    const sizeBytes = fstatSync(fd).size;
    // One more than there is: what is read short of that is its end, and of a file that grows the rest follows.
    let buffer = Buffer.allocUnsafe(sizeBytes <= SMALL_BYTES ? sizeBytes + 1 : PIECE_BYTES);
    if (sizeBytes <= SMALL_BYTES) {
      const bytesRead = readSync(fd, buffer, 0, buffer.length, null);
      if (bytesRead > 0) yield buffer.subarray(0, bytesRead);
      if (bytesRead < buffer.length) return;
      buffer = Buffer.allocUnsafe(PIECE_BYTES);
    }
    for (;;) {
      const { bytesRead } = await readPiece(fd, buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    closeFd(fd);
  }
}
