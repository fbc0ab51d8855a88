/** Images that are about to be registered: what of them is written first, and what then enters the index. */
import { systemError } from '../base/errors.ts';
import type { BlobStore } from './blob-store.ts';
import { acceptImageConfig, type ParsedImageConfig } from './image-config.ts';
import type { IndexDraft, StoredLayer } from './index-file.ts';
import type { LayerStore } from './layer-store.ts';
import type { Pins } from './pins.ts';

export interface NewImage {
  readonly config: Buffer | string;
  readonly manifest?: Buffer | string;
  readonly parent?: string;
  /** The layers' blobs, lowest first. */
  readonly layers: readonly string[];
  /** For builds to come, and in no list. One that is in the lists stays there. */
  readonly kept?: boolean;
}

export interface PreparedImage {
  readonly kept: boolean;
  readonly id: string;
  readonly parsed: ParsedImageConfig;
  readonly manifest: string | undefined; // digest
  readonly parent: string | undefined;
  readonly layers: readonly string[];
  readonly references: readonly string[];
}

/** An image that has its name now, and the references that were another image's before. */
export interface Registered {
  readonly id: string;
  readonly moved: readonly { readonly reference: string; readonly from: string }[];
}

/** Its configuration and manifest are on the disk when it returns, unless it need not be `durable` yet. */
export async function prepareImage(
  store: { readonly blobs: BlobStore; readonly layers: LayerStore },
  image: NewImage,
  references: readonly string[],
  pins: Pins,
  options: { readonly durable?: boolean } = {},
): Promise<PreparedImage> {
  const parsed = acceptImageConfig(image.config);
  const { digest: id } = await store.blobs.put(image.config, pins.blobs, options);
  const manifest =
    image.manifest === undefined ? undefined : await store.blobs.put(image.manifest, pins.blobs, options);
  store.layers.checkDepth(parsed.diffIds.length);
  if (parsed.diffIds.length !== image.layers.length)
    throw systemError("layers from manifest don't match image configuration");
  return {
    id,
    parsed,
    manifest: manifest?.digest,
    parent: image.parent,
    layers: image.layers,
    references,
    kept: image.kept ?? false,
  };
}

export function enterImage(
  draft: IndexDraft,
  image: PreparedImage,
  knownLayer: (diffId: string) => StoredLayer | undefined,
): Registered {
  const { id, manifest, references } = image;
  for (const diffId of image.parsed.diffIds) {
    const layer = draft.layers.get(diffId) ?? knownLayer(diffId);
    if (!layer) throw systemError(`layer ${diffId} does not exist`);
    draft.layers.set(diffId, layer);
  }
  const before = draft.images.get(id);
  draft.images.set(id, {
    id,
    manifest: manifest ?? before?.manifest ?? '',
    parent: image.parent ?? before?.parent ?? '',
    // A manifest names its blobs; without one, those that are here already are as good as those that came now.
    layers: (manifest === undefined ? before?.layers : undefined) ?? image.layers,
    lastTaggedAt: references.length > 0 ? new Date().toISOString() : (before?.lastTaggedAt ?? ''),
    hidden: image.kept && (before?.hidden ?? true),
    ...(image.kept || before?.kept ? { kept: true } : {}),
  });
  const moved: { reference: string; from: string }[] = [];
  for (const reference of references) {
    const from = draft.references.get(reference);
    if (from !== undefined && from !== id) moved.push({ reference, from });
    draft.references.set(reference, id);
  }
  return { id, moved };
}
