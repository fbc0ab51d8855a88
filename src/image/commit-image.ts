/** `docker commit`: what a container changed becomes a layer on top of its image. */
import { pipeline, type Readable } from 'node:stream';
import { formatTimeNs, systemClock } from '../base/clock.ts';
import { invalid } from '../base/errors.ts';
import { closeFd, O_DIRECTORY, O_PATH, openFd } from '../kernel/descriptors.ts';
import type { ImageConfig, ImageRecord } from '../model/image.ts';
import { formatReference, parseReference, withDefaultTag } from '../model/image-reference.ts';
import { applyChanges } from './dockerfile-changes.ts';
import type { ImageCatalog } from './image-catalog.ts';
import { acceptImageConfig, formatImageConfig } from './image-config.ts';
import { TarFilter } from './tar-filter.ts';
import { packDirectory } from './pack-tree.ts';
import type { Pins } from './pins.ts';
import { isUntouched } from './rootfs-changes.ts';
import { OverlayToLayer } from './whiteouts.ts';

export interface CommitRequest {
  readonly base: ImageRecord;
  /** The container's own directory of the overlay. */
  readonly upperDir: string;
  /** How the container runs; what the image's containers will start from. */
  readonly config: ImageConfig;
  readonly changes: readonly string[];
  readonly ref: string; // '' = no name
  readonly author: string;
  readonly comment: string;
  readonly createdBy: string; // the command line that made the layer
}

/** Resolves to the new image's id. */
export async function commitImage(catalog: ImageCatalog, request: CommitRequest): Promise<string> {
  const { base } = request;
  const name = request.ref === '' ? undefined : withDefaultTag(parseReference(request.ref));
  if (name && name.digest !== '') throw invalid('refusing to create a tag with a digest reference');
  const config = applyChanges(request.config, request.changes);
  // What cannot be an image is refused before a layer is read for it.
  acceptImageConfig(describe(request, config, `sha256:${'0'.repeat(64)}`));
  const unchanged = await isUntouched(request.upperDir);
  return await catalog.pinned(async (pins) => {
    pinBase(catalog, base, pins);
    const references = name ? [formatReference(name)] : [];
    if (unchanged) {
      const image = { config: describe(request, config, undefined), parent: base.id, layers: base.layers };
      return (await catalog.register(image, references, pins)).id;
    }
    const diffId = await layerOfUpper(catalog, request.upperDir, pins);
    const content = describe(request, config, diffId);
    const image = { config: content, parent: base.id, layers: [...base.layers, diffId] };
    const { id } = await catalog.register(image, references, pins);
    return id;
  });
}

/** `diffId`: of the new layer, if there is one. */
function describe(
  { base, author, comment, createdBy }: CommitRequest,
  config: ImageConfig,
  diffId: string | undefined,
): string {
  const createdAt = formatTimeNs(systemClock.nowNs());
  return formatImageConfig({
    createdAt,
    author,
    architecture: base.architecture,
    variant: base.variant,
    os: base.os,
    config,
    history: [...base.history, { createdAt, createdBy, comment, author, emptyLayer: diffId === undefined }],
    diffIds: diffId === undefined ? base.diffIds : [...base.diffIds, diffId],
    comment,
  });
}

/** What an overlay's own directory holds becomes a layer, whose blob is not compressed. Resolves to its diff id. */
export async function layerOfUpper(catalog: ImageCatalog, upperDir: string, pins: Pins): Promise<string> {
  const layer = new TarFilter(new OverlayToLayer());
  pipeline(packUpper(upperDir), layer, () => {}); // an error reaches the layer, and from there the blob
  // It can be had from nowhere else once the container is removed.
  const blob = await catalog.blobs.ingest(layer, pins.blobs, { durable: true });
  return await catalog.unpackBlob(blob.digest, blob.digest, pins);
}

/** The base may lose its last name while a layer is read; its content must stay until that is registered. */
export function pinBase(catalog: ImageCatalog, base: ImageRecord, pins: Pins): void {
  for (const blob of base.layers) pins.blobs.add(blob);
  for (const diffId of base.diffIds) {
    const known = catalog.knownLayer(diffId);
    if (known) pins.layers.set(diffId, known);
  }
}

function packUpper(upperDir: string): Readable {
  const directory = openFd(upperDir, O_PATH | O_DIRECTORY);
  try {
    return packDirectory(directory, { trustedAttributes: true }); // overlayfs's marks show what was deleted
  } finally {
    closeFd(directory);
  }
}
