/**
 * `docker save`: images as one tar in the form that Docker has written since version 25: an OCI layout, with the
 * manifest.json and `repositories` that older readers look for. Layers are uncompressed, each once.
 */
import { Readable } from 'node:stream';
import { notFound, systemError } from '../base/errors.ts';
import type { ImageRecord } from '../model/image.ts';
import {
  familiarName,
  familiarReference,
  formatReference,
  parseAnyReference,
  parseReference,
  repositoryOf,
  type ImageReference,
} from '../model/image-reference.ts';
import { formatPlatform, rankPlatform, type Platform } from '../model/platform.ts';
import { digestHex, digestOf } from './blob-store.ts';
import { readDecompressed } from './compression.ts';
import type { ImageCatalog } from './image-catalog.ts';
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, type Descriptor } from './media-types.ts';
import { formatTarHeader, padding, TAR_BLOCK } from '../base/tar-headers.ts';

interface Selection {
  readonly record: ImageRecord;
  readonly tags: ImageReference[];
}

/**
 * Resolves once it is clear that everything asked for exists; from then on it is kept until the stream is closed,
 * whatever is removed meanwhile. A reader that goes away ends it at its next step.
 */
export async function saveImages(
  catalog: ImageCatalog,
  refs: readonly string[],
  platforms: readonly Platform[],
): Promise<Readable> {
  const selected = select(catalog, refs);
  const suits = ({ record }: Selection) => platforms.some((platform) => rankPlatform(record, platform) > 0);
  if (platforms.length > 0 && !selected.every(suits))
    throw systemError(`no suitable export target found for platform ${platforms.map(formatPlatform).join(', ')}`);
  const layerBytes = new Map(
    selected.flatMap(({ record }) => record.diffIds.map((diffId) => [diffId, catalog.knownLayer(diffId)!.tarBytes])),
  );
  const pins = catalog.pin();
  for (const { record } of selected) for (const blob of [record.id, ...record.layers]) pins.blobs.add(blob);
  try {
    // A configuration that cannot be read is reported before the archive is begun: in the middle of one there is no way
    // to report it.
    for (const { record } of selected) await catalog.blobs.read(record.id);
  } catch (error) {
    catalog.unpin(pins);
    throw error;
  }
  const output = Readable.from(archive(catalog, selected, layerBytes), {
    objectMode: false,
    highWaterMark: 256 * 1024,
  });
  return output.once('close', () => catalog.unpin(pins));
}

export function idsToSave(catalog: ImageCatalog, refs: readonly string[]): string[] {
  return select(catalog, refs).map(({ record }) => record.id);
}

function select(catalog: ImageCatalog, refs: readonly string[]): Selection[] {
  const selected = new Map<string, Selection>();
  const add = (id: string, tag?: ImageReference) => {
    const entry = selected.get(id) ?? { record: catalog.record(id), tags: [] };
    selected.set(id, entry);
    if (tag && !entry.tags.some((other) => formatReference(other) === formatReference(tag))) entry.tags.push(tag);
  };
  for (const ref of refs) {
    const parsed = parseAnyReference(ref);
    const name = parsed.kind === 'name' ? parsed.name : undefined;
    if (name && name.tag === '' && name.digest === '') {
      // A repository by its name: every tag of it.
      const tags = [...catalog.state.references.keys()].map((reference) => parseReference(reference));
      const own = tags.filter((tag) => tag.digest === '' && repositoryOf(tag) === repositoryOf(name));
      for (const tag of own) add(catalog.state.references.get(formatReference(tag))!, tag);
      if (own.length > 0) continue;
    }
    const id = catalog.resolve(ref);
    if (id === undefined) throw notFound(name?.tag ? 'reference does not exist' : `No such image: ${ref}`);
    add(id, name && name.tag !== '' && name.digest === '' ? name : undefined);
  }
  return [...selected.values()];
}

async function* archive(
  catalog: ImageCatalog,
  selected: readonly Selection[],
  layerBytes: ReadonlyMap<string, number>,
): AsyncGenerator<Buffer> {
  const written = new Set<string>();
  const manifests: object[] = [];
  const index: object[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  for (const name of ['blobs/', 'blobs/sha256/']) yield entry(name, 0, 0, '5');
  for (const { record, tags } of selected) {
    const createdS = Math.max(0, Math.floor((Date.parse(record.createdAt) || 0) / 1000));
    const layers: Descriptor[] = record.diffIds.map((digest) => ({
      mediaType: OCI_LAYER,
      digest,
      size: layerBytes.get(digest)!,
    }));
    for (const [i, { digest, size }] of layers.entries()) {
      if (written.has(digest)) continue;
      written.add(digest);
      yield entry(blobName(digest), size, createdS);
      yield* layerContent(catalog, record.layers[i]!, size);
    }
    const config = await catalog.blobs.read(record.id);
    if (!written.has(record.id)) yield file(blobName(record.id), config, createdS);
    written.add(record.id);
    const platform = {
      architecture: record.architecture,
      os: record.os,
      ...(record.variant ? { variant: record.variant } : {}),
    };
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config: { mediaType: OCI_CONFIG, digest: record.id, size: config.length },
        layers,
      }),
    );
    const digest = digestOf(manifest);
    yield file(blobName(digest), manifest);
    const described = { mediaType: OCI_MANIFEST, digest, size: manifest.length, platform };
    if (tags.length === 0) index.push(described);
    for (const tag of tags) {
      const annotations = {
        'io.containerd.image.name': formatReference(tag),
        'org.opencontainers.image.ref.name': tag.tag,
      };
      index.push({ ...described, annotations });
      (repositories[familiarName(tag)] ??= {})[tag.tag] = digestHex(record.diffIds.at(-1) ?? record.id);
    }
    // As Docker has it: a parent that is somewhere else is no part of the image.
    const isSaved = selected.some((other) => other.record.id === record.parent);
    manifests.push({
      Config: blobName(record.id),
      RepoTags: tags.length > 0 ? tags.map(familiarReference) : null,
      Layers: record.diffIds.map(blobName),
      ...(isSaved ? { Parent: record.parent } : {}),
      LayerSources: Object.fromEntries(layers.map((layer) => [layer.digest, layer])),
    });
  }
  yield file('index.json', { schemaVersion: 2, mediaType: OCI_INDEX, manifests: index });
  yield file('manifest.json', manifests);
  yield file('oci-layout', { imageLayoutVersion: '1.0.0' });
  if (Object.keys(repositories).length > 0) yield file('repositories', repositories);
  yield Buffer.alloc(2 * TAR_BLOCK);
}

async function* layerContent(catalog: ImageCatalog, blob: string, sizeBytes: number): AsyncGenerator<Buffer> {
  const { stream } = await readDecompressed(catalog.blobs.path(blob));
  let left = sizeBytes;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    left -= chunk.length;
    yield chunk;
  }
  if (left !== 0) throw systemError(`the layer blob ${blob} is damaged on disk`);
  yield padding(sizeBytes);
}

function entry(name: string, sizeBytes: number, mtimeS: number, type = '0'): Buffer {
  const mode = type === '5' ? 0o755 : 0o644;
  return formatTarHeader({
    name,
    mode,
    uid: 0,
    gid: 0,
    sizeBytes,
    mtimeS,
    type,
    linkName: '',
    userName: '',
    groupName: '',
    deviceMajor: 0,
    deviceMinor: 0,
  });
}

function file(name: string, content: Buffer | object, mtimeS = 0): Buffer {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  return Buffer.concat([entry(name, bytes.length, mtimeS), bytes, padding(bytes.length)]);
}

function blobName(digest: string): string {
  return `blobs/sha256/${digestHex(digest)}`;
}
