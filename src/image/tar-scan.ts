/** Reads the headers of an uncompressed archive on disk and passes over what is between them. */
import { open } from 'node:fs/promises';
import { TarReader, type TarVisitor } from './tar-reader.ts';
import { TAR_BLOCK } from '../base/tar-headers.ts';

const WINDOW_BYTES = 64 * 1024;

/**
 * Shows every entry to the visitor. Resolves to true if the visitor would change nothing, so that the file can be used
 * as it is; to false as soon as it would change something. Throws as the reader does for anything that is not an
 * archive.
 */
export async function scanTar(path: string, visitor: TarVisitor): Promise<boolean> {
  let unchanged = true;
  const watching: TarVisitor = {
    visit(entry) {
      if (visitor.visit(entry) !== undefined) unchanged = false;
      return undefined;
    },
  };
  const reader = new TarReader(watching, () => {});
  const window = Buffer.alloc(WINDOW_BYTES);
  const file = await open(path, 'r');
  try {
    for (let at = 0; unchanged && !reader.ended;) {
      const { bytesRead } = await file.read(window, 0, WINDOW_BYTES, at);
      if (bytesRead === 0) break;
      let used = 0;
      while (used < bytesRead && !reader.ended) {
        if (reader.contentLeft > 0) {
          const skipped = reader.contentLeft;
          if (used + skipped > bytesRead) break; // beyond the window
          reader.skipContent(skipped);
          used += skipped;
          continue;
        }
        const block = window.subarray(used, Math.min(used + TAR_BLOCK, bytesRead));
        if (block.length < TAR_BLOCK && used > 0) break; // read again from here
        reader.consume(block);
        used += block.length;
      }
      at += used;
      if (reader.contentLeft > 0 && !reader.ended) {
        const { size } = await file.stat();
        const skipped = Math.min(reader.contentLeft, size - at);
        if (skipped <= 0) break;
        reader.skipContent(skipped);
        at += skipped;
      }
    }
    if (unchanged) reader.finish();
    return unchanged;
  } finally {
    await file.close();
  }
}
