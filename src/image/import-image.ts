/** `docker import`: a root file system as a tar becomes an image of one layer. */
import type { Readable } from 'node:stream';
import { formatTimeNs, systemClock } from '../base/clock.ts';
import { invalid } from '../base/errors.ts';
import type { ImageConfig } from '../model/image.ts';
import { formatReference, parseReference, withDefaultTag } from '../model/image-reference.ts';
import { borrow } from './borrowed-stream.ts';
import { decompress, detectCompression, readHead } from './compression.ts';
import { applyChanges } from './dockerfile-changes.ts';
import type { ImageCatalog } from './image-catalog.ts';
import { acceptImageConfig, EMPTY_IMAGE_CONFIG, formatImageConfig } from './image-config.ts';
import { parsePlatform, type Platform } from '../model/platform.ts';

export interface ImportOptions {
  readonly ref: string; // '' = no name
  readonly message: string;
  readonly changes: readonly string[];
  readonly platform: string;
}

/** Resolves to the image's id. On failure nothing is left of it. */
export async function importImage(
  catalog: ImageCatalog,
  source: Readable,
  options: ImportOptions,
  signal?: AbortSignal,
): Promise<string> {
  // All that can be refused is, before a byte is read.
  const reference = options.ref === '' ? undefined : withDefaultTag(parseReference(options.ref));
  if (reference && reference.digest !== '') throw invalid('cannot import digest reference');
  const platform = parsePlatform(options.platform);
  if (platform.os !== 'linux') throw invalid('operating system is not supported');
  const config = applyChanges(EMPTY_IMAGE_CONFIG, options.changes);
  acceptImageConfig(describe(options.message, platform, config, `sha256:${'0'.repeat(64)}`));
  return await catalog.pinned(async (pins) => {
    const body = borrow(source);
    const compression = detectCompression(await readHead(body, 8));
    // gzip and zstd layers can be given away as they are; others are kept unpacked.
    const keep = compression === 'gzip' || compression === 'zstd';
    const blob = await catalog.blobs.ingest(keep ? body : decompress(body, compression), pins.blobs);
    const diffId = await catalog.unpackBlob(blob.digest, undefined, pins);
    const content = describe(options.message, platform, config, diffId);
    const references = reference ? [formatReference(reference)] : [];
    const { id } = await catalog.register({ config: content, layers: [blob.digest] }, references, pins);
    return id;
  }, signal);
}

function describe(
  message: string,
  { architecture, variant, os }: Platform,
  config: ImageConfig,
  diffId: string,
): string {
  const createdAt = formatTimeNs(systemClock.nowNs());
  const comment = message === '' ? 'Imported from -' : message;
  return formatImageConfig({
    createdAt,
    author: '',
    architecture,
    variant,
    os,
    config,
    history: [{ createdAt, createdBy: '', comment, author: '', emptyLayer: false }],
    diffIds: [diffId],
    comment,
  });
}
