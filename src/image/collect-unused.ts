/** The rule that nothing stays on the disk that neither the index nor work in progress names. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AsideImages } from './aside-images.ts';
import type { BlobStore } from './blob-store.ts';
import type { IndexState } from './index-file.ts';
import type { LayerStore } from './layer-store.ts';
import { neededContent } from './needed-content.ts';
import type { Pins } from './pins.ts';

export interface StoredContent {
  readonly state: IndexState;
  readonly aside: AsideImages;
  readonly blobs: BlobStore;
  readonly layers: LayerStore;
  initDirectory(): string;
}

/** Gives the plain blobs whose compressed form is gone. */
export function collectUnused(content: StoredContent, pins: Iterable<Pins>): string[] {
  const { state, aside } = content;
  const { blobs, layers } = neededContent(state, [...aside.all().values()], pins);
  for (const digest of content.blobs.list()) if (!blobs.has(digest)) content.blobs.remove(digest);
  content.layers.removeExcept(layers);
  const init = content.initDirectory();
  for (const name of readdirSync(init))
    if (!state.images.has(`sha256:${name}`)) rmSync(join(init, name), { recursive: true, force: true });
  return [...state.compressed].filter(([, compressed]) => !blobs.has(compressed)).map(([plain]) => plain);
}
