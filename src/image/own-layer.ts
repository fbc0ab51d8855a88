/**
 * A directory of an overlay that nobody needs any more becomes a layer where it is: overlayfs reads it as a layer in
 * the form in which it wrote it. Its archive is made of it as always; only that is not unpacked again.
 */
import { pipeline } from 'node:stream';
import { closeFd, O_DIRECTORY, O_PATH, openFd } from '../kernel/descriptors.ts';
import type { ImageCatalog } from './image-catalog.ts';
import { packDirectory } from './pack-tree.ts';
import type { Pins } from './pins.ts';
import { TarFilter } from './tar-filter.ts';
import type { TarEntry, TarVerdict, TarVisitor } from './tar-reader.ts';
import { OverlayToLayer } from './whiteouts.ts';

/** What the archive weighs, and whether unpacking it comes to the directory again. */
class OwnLayer implements TarVisitor {
  readonly #whiteouts = new OverlayToLayer();
  sizeBytes = 0;
  isSame = true;

  visit(entry: TarEntry): TarVerdict {
    const { header } = entry;
    if (header.type === '0' || header.type === 'S') this.sizeBytes += header.sizeBytes;
    // A file of the step's by such a name is a deletion to whoever unpacks it.
    if (header.name.includes('/.wh.')) this.isSame = false;
    return this.#whiteouts.visit(entry);
  }
}

/** Resolves to its diff id; the directory is gone, or about to be removed by whoever had it. */
export async function takeLayer(catalog: ImageCatalog, upperDir: string, pins: Pins): Promise<string> {
  const visitor = new OwnLayer();
  const directory = openFd(upperDir, O_PATH | O_DIRECTORY);
  let packed;
  try {
    // What has no form in an archive is not of the image, but of the directory: sockets.
    packed = packDirectory(directory, { trustedAttributes: true, onLeftOut: () => (visitor.isSame = false) });
  } finally {
    closeFd(directory);
  }
  const layer = new TarFilter(visitor);
  pipeline(packed, layer, () => {}); // an error reaches the layer, and from there the blob
  // It can be had from nowhere else once the step is over.
  const { digest, sizeBytes: tarBytes } = await catalog.blobs.ingest(layer, pins.blobs, { durable: true });
  if (!visitor.isSame) return await catalog.unpackBlob(digest, digest, pins);
  return await catalog.takeLayer(upperDir, { diffId: digest, sizeBytes: visitor.sizeBytes, tarBytes }, pins);
}
