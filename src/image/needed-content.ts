/** Which content on the disk is in use: of images, of those that are set aside, and of work in progress. */
import type { AsideImage } from './aside-images.ts';
import type { IndexState, StoredLayer } from './index-file.ts';

interface Pinned {
  readonly blobs: Iterable<string>;
  readonly layers: ReadonlyMap<string, StoredLayer>;
}

export function neededContent(
  state: IndexState,
  aside: readonly AsideImage[],
  pinned: Iterable<Pinned>,
): { blobs: Set<string>; layers: Set<string> } {
  const blobs = new Set<string>();
  const layers = new Set<string>(state.layers.keys());
  for (const one of aside) for (const diffId of Object.keys(one.layers)) layers.add(diffId);
  for (const image of [...state.images.values(), ...aside.map((one) => one.image)]) {
    blobs.add(image.id);
    if (image.manifest !== '') blobs.add(image.manifest);
    for (const blob of image.layers) {
      blobs.add(blob);
      const compressed = state.compressed.get(blob);
      if (compressed !== undefined) blobs.add(compressed);
    }
  }
  for (const pins of pinned) {
    for (const blob of pins.blobs) blobs.add(blob);
    for (const diffId of pins.layers.keys()) layers.add(diffId);
  }
  return { blobs, layers };
}
