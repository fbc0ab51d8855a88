/** The content of the very file that a descriptor names, in pieces. */
import { read } from 'node:fs';
import { promisify } from 'node:util';
import { closeFd } from '../../kernel/descriptors.ts';
import { openNamedFile, whenNotLeased } from '../../kernel/regular-file.ts';

const readPiece = promisify(read);
const PIECE_BYTES = 256 * 1024;

/** `name` is for a refusal. A piece is good until the next one is asked for. */
export async function* fileContent(place: number, name: string): AsyncGenerator<Buffer> {
  const fd = await whenNotLeased(name, () => openNamedFile(place));
  try {
    const buffer = Buffer.allocUnsafe(PIECE_BYTES);
    for (;;) {
      const { bytesRead } = await readPiece(fd, buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    closeFd(fd);
  }
}
