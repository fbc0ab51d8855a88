/** A layer, from its blob to a directory. */
import type { BlobStore } from './blob-store.ts';
import { fileCompression, readDecompressed } from './compression.ts';
import type { LayerStore, PendingLayer } from './layer-store.ts';
import { DiffIdMismatchError } from './mismatch-errors.ts';
import type { Pins } from './pins.ts';

interface Stores {
  readonly blobs: BlobStore;
  readonly layers: LayerStore;
}

/**
 * Resolves to its diff id, which is checked against the one that is expected, and pinned. `report` gets how much of the
 * blob was read.
 */
export async function unpackLayer(
  { blobs, layers }: Stores,
  blob: string,
  expected: string | undefined,
  pins: Pins,
  report?: (blobBytes: number) => void,
): Promise<string> {
  const path = blobs.path(blob);
  let pending: PendingLayer;
  if ((await fileCompression(path)) === 'none') {
    // It was hashed when it was written: its digest is the diff id.
    pending = await layers.unpackFile(path, blob, undefined, pins.signal);
    report?.(pending.tarBytes);
  } else {
    const { stream, file } = await readDecompressed(path);
    pending = await layers.unpack(stream, report && (() => report(file.bytesRead)), pins.signal);
  }
  if (expected !== undefined && pending.diffId !== expected) {
    await pending.discard();
    throw new DiffIdMismatchError();
  }
  const { diffId, sizeBytes, tarBytes } = pending;
  pins.layers.set(diffId, { sizeBytes, tarBytes, settled: false });
  await pending.keep();
  return diffId;
}
