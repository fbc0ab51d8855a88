/**
 * `docker save`: images as one tar in the form that Docker has written since version 25: an OCI layout, with the manifest.json
 * and `repositories` that older readers look for. Layers are uncompressed, each once.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { notFound } from '../base/errors.ts';
import type { ImageRecord } from '../model/image.ts';
import { digestHex, digestOf } from './blob-store.ts';
import { readDecompressed } from './compression.ts';
import type { ImageCatalog } from './image-catalog.ts';
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, type Descriptor } from './media-types.ts';
import { familiarName, familiarReference, formatReference, parseAnyReference, parseReference, repositoryOf, type ImageReference } from './reference.ts';

interface Selection {
  readonly record: ImageRecord;
  readonly tags: ImageReference[];
}

/** Resolves once it is clear that everything asked for exists. */
export async function saveImages(catalog: ImageCatalog, refs: readonly string[]): Promise<Readable> {
  const selected = select(catalog, refs);
  const tar = pack({ highWaterMark: 256 * 1024 });
  const work = catalog.pinned(async (pins) => {
    // The images may be removed while the archive is read.
    for (const { record } of selected) {
      pins.blobs.add(record.id);
      for (const blob of record.layers) pins.blobs.add(blob);
    }
    await write(catalog, tar, selected);
  });
  const output = Readable.from(tar, { objectMode: false, highWaterMark: 256 * 1024 });
  // The reader went away: nothing more will be taken.
  output.on('close', () => tar.destroy());
  work.catch((error: unknown) => output.destroy(error as Error));
  return output;
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

async function write(catalog: ImageCatalog, tar: Pack, selected: readonly Selection[]): Promise<void> {
  const written = new Set<string>();
  const manifests: object[] = [];
  const index: object[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  const epoch = new Date(0);
  // Read now: an image that is removed while the archive is written is still written whole.
  const tarBytes = new Map(selected.flatMap(({ record }) => record.diffIds.map((diffId) => [diffId, catalog.knownLayer(diffId)!.tarBytes])));
  for (const name of ['blobs/', 'blobs/sha256/']) tar.entry({ name, type: 'directory', mode: 0o755, mtime: epoch });
  for (const { record, tags } of selected) {
    const mtime = new Date(Date.parse(record.createdAt) || 0);
    const layers: Descriptor[] = [];
    for (const [i, diffId] of record.diffIds.entries()) {
      const size = tarBytes.get(diffId)!;
      layers.push({ mediaType: OCI_LAYER, digest: diffId, size });
      if (written.has(diffId)) continue;
      written.add(diffId);
      const { stream } = await readDecompressed(catalog.blobs.path(record.layers[i]!));
      const entry = tar.entry({ name: blobName(diffId), size, mode: 0o644, mtime });
      await pipeline(stream, entry);
    }
    const config = await catalog.blobs.read(record.id);
    put(tar, written, record.id, config, mtime);
    const platform = { architecture: record.architecture, os: record.os, ...(record.variant ? { variant: record.variant } : {}) };
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config: { mediaType: OCI_CONFIG, digest: record.id, size: config.length },
        layers,
      }),
    );
    const digest = digestOf(manifest);
    put(tar, written, digest, manifest, epoch);
    const described = { mediaType: OCI_MANIFEST, digest, size: manifest.length, platform };
    if (tags.length === 0) index.push(described);
    for (const tag of tags) {
      const annotations = { 'io.containerd.image.name': formatReference(tag), 'org.opencontainers.image.ref.name': tag.tag };
      index.push({ ...described, annotations });
      (repositories[familiarName(tag)] ??= {})[tag.tag] = digestHex(record.diffIds.at(-1) ?? record.id);
    }
    manifests.push({
      Config: blobName(record.id),
      RepoTags: tags.length > 0 ? tags.map(familiarReference) : null,
      Layers: record.diffIds.map(blobName),
      LayerSources: Object.fromEntries(layers.map((layer) => [layer.digest, layer])),
    });
  }
  const file = (name: string, content: object) => {
    tar.entry({ name, mode: 0o644, mtime: epoch }, `${JSON.stringify(content)}`);
  };
  file('index.json', { schemaVersion: 2, mediaType: OCI_INDEX, manifests: index });
  file('manifest.json', manifests);
  file('oci-layout', { imageLayoutVersion: '1.0.0' });
  if (Object.keys(repositories).length > 0) file('repositories', repositories);
  tar.finalize();
}

function put(tar: Pack, written: Set<string>, digest: string, content: Buffer, mtime: Date): void {
  if (written.has(digest)) return;
  written.add(digest);
  tar.entry({ name: blobName(digest), mode: 0o644, mtime }, content);
}

function blobName(digest: string): string {
  return `blobs/sha256/${digestHex(digest)}`;
}
