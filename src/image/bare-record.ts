import type { ImageRecord } from '../model/image.ts';
import { familiarReference, parseReference } from '../model/image-reference.ts';
import { EMPTY_IMAGE_CONFIG } from './image-config.ts';
import type { StoredImage } from './index-file.ts';

/** An image whose configuration cannot be read, as far as the index knows it. */
export function bareRecord(id: string, references: readonly string[], stored: StoredImage | undefined): ImageRecord {
  const names = references.map((reference) => parseReference(reference));
  return {
    id,
    createdAt: '',
    author: '',
    architecture: '',
    variant: '',
    os: 'linux',
    config: EMPTY_IMAGE_CONFIG,
    history: [],
    diffIds: [],
    layers: stored?.layers ?? [],
    layerSizesBytes: [],
    sizeBytes: 0,
    repoTags: names.filter((name) => name.digest === '').map(familiarReference),
    repoDigests: names.filter((name) => name.digest !== '').map(familiarReference),
    parent: stored?.parent ?? '',
    comment: '',
    lastTaggedAt: stored?.lastTaggedAt ?? '',
  };
}
