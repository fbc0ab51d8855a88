/**
 * `docker load`: images from a tar, compressed or not, in the form of docker-archive (manifest.json) or of an OCI
 * layout (index.json). The archive is read once; its files wait as blobs until the manifest, which mostly comes last,
 * says what they are. What no image turned out to need is gone when it is over.
 */
import { posix } from 'node:path';
import { pipeline, Writable, type Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { CausewayError, invalid, systemError } from '../base/errors.ts';
import { parseJsonText } from '../base/json-text.ts';
import { shortId } from '../model/ids.ts';
import {
  familiarReference,
  formatReference,
  parseReference,
  withDefaultTag,
  type ImageReference,
} from '../model/image-reference.ts';
import { borrow } from './borrowed-stream.ts';
import { decompressStream } from './compression.ts';
import type { ImageCatalog } from './image-catalog.ts';
import type { Pins } from './pins.ts';
import { acceptImageConfig } from './image-config.ts';
import { isIndex, parseManifest, type Descriptor } from './media-types.ts';
import { DiffIdMismatchError } from './mismatch-errors.ts';
import { HOST_PLATFORM, rankPlatform } from './platform.ts';
import { throttle, type Report } from './progress.ts';
import { TarFilter } from './tar-filter.ts';

const MAX_FILES = 100_000;

/** The archive's files by name: where their content is. */
class ArchiveFiles {
  readonly digests = new Map<string, string>();
  readonly links = new Map<string, string>();

  digest(name: string): string | undefined {
    let at = posix.normalize(name);
    for (let hops = 0; hops < 32; hops++) {
      const target = this.links.get(at);
      if (target === undefined) return this.digests.get(at);
      at = target;
    }
    return undefined;
  }

  need(name: string): string {
    const digest = this.digest(name);
    if (digest === undefined) throw invalid(`open ${name}: no such file or directory`);
    return digest;
  }
}

interface ArchivedImage {
  readonly config: Buffer;
  readonly manifest?: Buffer;
  readonly layers: readonly string[]; // blobs
  readonly tags: readonly ImageReference[];
}

/** Resolves to the ids of what was loaded. */
export async function loadImages(
  catalog: ImageCatalog,
  source: Readable,
  report: Report,
  signal?: AbortSignal,
): Promise<string[]> {
  return await catalog.pinned(async (pins) => {
    const files = await readArchive(catalog, source, pins);
    const images = files.digest('manifest.json')
      ? await dockerArchive(catalog, files)
      : await ociLayout(catalog, files);
    const ids: string[] = [];
    for (const image of images) ids.push(await loadOne(catalog, image, pins, report));
    if (images.every((image) => image.tags.length === 0)) {
      for (const id of ids) report({ stream: `Loaded image ID: ${id}\n` });
    }
    return ids;
  }, signal);
}

async function readArchive(catalog: ImageCatalog, source: Readable, pins: Pins): Promise<ArchiveFiles> {
  const files = new ArchiveFiles();
  const { stream } = await decompressStream(borrow(source));
  const entries = extract();
  let count = 0;
  // An error of the source destroys the parser, and the loop below throws it.
  // The engine's own reader goes before it: the library would hold an extension header of any length.
  pipeline(stream, new TarFilter({ visit: () => undefined }), entries as unknown as Writable, () => {});
  try {
    for await (const entry of entries) {
      if (++count > MAX_FILES)
        throw invalid(`the archive holds more than ${MAX_FILES} files: an image has a few for each layer`);
      const name = posix.normalize(entry.header.name).replace(/^\/+/, '').replace(/\/$/, '');
      const { type, linkname } = entry.header;
      if (type === 'file' || type === 'contiguous-file') {
        const { digest } = await catalog.blobs.ingest(entry as unknown as AsyncIterable<Buffer>, pins.blobs);
        files.digests.set(name, digest);
        continue;
      }
      if (type === 'symlink' && linkname)
        files.links.set(name, posix.normalize(posix.join(posix.dirname(name), linkname)));
      if (type === 'link' && linkname) files.links.set(name, posix.normalize(linkname));
      entry.resume();
    }
  } catch (error) {
    stream.destroy();
    if (error instanceof CausewayError) throw error;
    const message = (error as Error).message;
    if (/Unexpected end|premature/i.test(message)) throw invalid('unexpected EOF', error);
    throw invalid(/Invalid tar header/i.test(message) ? 'archive/tar: invalid tar header' : message, error);
  }
  return files;
}

async function json(catalog: ImageCatalog, digest: string, what: string): Promise<unknown> {
  const text = (await catalog.blobs.read(digest)).toString(); // what fails here is no fault of the archive's
  try {
    return parseJsonText(text);
  } catch (error) {
    throw invalid(`invalid ${what}: ${(error as Error).message}`, error);
  }
}

async function dockerArchive(catalog: ImageCatalog, files: ArchiveFiles): Promise<ArchivedImage[]> {
  const list = await json(catalog, files.need('manifest.json'), 'manifest.json');
  if (list === null) throw invalid('invalid manifest, manifest cannot be null (but can be [])');
  if (!Array.isArray(list)) throw invalid('invalid manifest.json: no list');
  const images: ArchivedImage[] = [];
  for (const entry of list) {
    const item = manifestItem(entry);
    const config = await catalog.blobs.read(files.need(item.config));
    const tags = item.tags.map((tag) => parseReference(tag));
    const untagged = tags.find((tag) => tag.tag === '');
    if (untagged) throw invalid(`invalid tag ${JSON.stringify(familiarReference(untagged))}`);
    images.push({ config, layers: item.layers.map((layer) => files.need(layer)), tags });
  }
  return images;
}

/**
 * One image of a manifest.json: names of files, and references; an image without a name has null for RepoTags, or
 * nothing.
 */
function manifestItem(entry: unknown): { config: string; layers: readonly string[]; tags: readonly string[] } {
  const {
    Config: config,
    Layers: layers,
    RepoTags: tags,
  } = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
  if (typeof config !== 'string' || !isTexts(layers)) throw invalid('invalid manifest.json: no Config or Layers');
  if (tags !== undefined && tags !== null && !isTexts(tags))
    throw invalid('invalid manifest.json: RepoTags is no list of names');
  return { config, layers, tags: tags ?? [] };
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

async function ociLayout(catalog: ImageCatalog, files: ArchiveFiles): Promise<ArchivedImage[]> {
  const top = files.digest('index.json');
  if (top === undefined) throw invalid('open manifest.json: no such file or directory');
  const index = parseManifest(await catalog.blobs.read(top));
  if (!isIndex(index)) throw invalid('invalid index.json: it has no manifests');
  const images = new Map<string, ArchivedImage>();
  for (const descriptor of index.manifests) {
    const chosen = await choosePlatform(catalog, files, descriptor);
    if (!chosen) continue;
    const content = await blob(catalog, files, chosen);
    const manifest = parseManifest(content);
    if (isIndex(manifest)) continue;
    const tag = referenceOf(descriptor);
    const known = images.get(chosen.digest);
    images.set(chosen.digest, {
      config: await blob(catalog, files, manifest.config),
      manifest: content,
      layers: manifest.layers.map((layer) => locate(files, layer)),
      tags: [...(known?.tags ?? []), ...(tag ? [tag] : [])],
    });
  }
  return [...images.values()];
}

async function choosePlatform(
  catalog: ImageCatalog,
  files: ArchiveFiles,
  descriptor: Descriptor,
): Promise<Descriptor | undefined> {
  const manifest = parseManifest(await blob(catalog, files, descriptor), descriptor.mediaType);
  if (!isIndex(manifest)) return descriptor;
  const rank = (candidate: Descriptor) => {
    // Attestations are manifests for no platform at all; and an archive may hold only some of those its index names.
    const { os = '', architecture = '', variant = '' } = candidate.platform ?? {};
    return files.digest(blobName(candidate.digest)) ? rankPlatform({ os, architecture, variant }, HOST_PLATFORM) : 0;
  };
  return manifest.manifests.filter((candidate) => rank(candidate) > 0).sort((a, b) => rank(b) - rank(a))[0];
}

function blobName(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** The blob that a descriptor names: the content under that name must have that digest. */
function locate(files: ArchiveFiles, descriptor: Descriptor): string {
  const digest = files.need(blobName(descriptor.digest));
  if (digest !== descriptor.digest)
    throw invalid(`invalid archive: ${blobName(descriptor.digest)} has the digest ${digest}`);
  return digest;
}

async function blob(catalog: ImageCatalog, files: ArchiveFiles, descriptor: Descriptor): Promise<Buffer> {
  return await catalog.blobs.read(locate(files, descriptor));
}

function referenceOf(descriptor: Descriptor): ImageReference | undefined {
  const whole = descriptor.annotations?.['io.containerd.image.name'];
  const name = descriptor.annotations?.['org.opencontainers.image.ref.name'];
  // The second is a bare tag for some writers and a whole name for others.
  const text = whole ?? (name !== undefined && /[/:]/.test(name) ? name : undefined);
  return text === undefined ? undefined : withDefaultTag(parseReference(text));
}

async function loadOne(catalog: ImageCatalog, image: ArchivedImage, pins: Pins, report: Report): Promise<string> {
  const config = acceptImageConfig(image.config);
  if (config.os !== 'linux') throw invalid(`cannot load ${config.os} image on linux`);
  const [expected, actual] = [image.layers.length, config.diffIds.length];
  if (expected !== actual)
    throw invalid(`invalid manifest, layers length mismatch: expected ${expected}, got ${actual}`);
  for (const [i, diffId] of config.diffIds.entries()) {
    if (catalog.knownLayer(diffId)) {
      await catalog.unpackBlob(image.layers[i]!, diffId, pins);
      continue;
    }
    const id = shortId(diffId);
    const total = catalog.blobs.sizeBytes(image.layers[i]!);
    const progress = (current: number) => report({ status: 'Loading layer', id, progressDetail: { current, total } });
    try {
      await catalog.unpackBlob(image.layers[i]!, diffId, pins, throttle(progress, total));
    } catch (error) {
      if (error instanceof DiffIdMismatchError) {
        throw systemError(`invalid diffID for layer ${i}: expected ${JSON.stringify(diffId)}`, error);
      }
      throw error;
    }
    progress(total);
  }
  const references = image.tags.map(formatReference);
  const manifest = image.manifest === undefined ? {} : { manifest: image.manifest };
  const { id, moved } = await catalog.register(
    { config: image.config, layers: image.layers, ...manifest },
    references,
    pins,
  );
  for (const tag of image.tags) {
    const before = moved.find(({ reference }) => reference === formatReference(tag));
    if (before) {
      const name = familiarReference(tag);
      report({
        stream: `The image ${name} already exists, renaming the old one with ID ${before.from} to empty string\n`,
      });
    }
    report({ stream: `Loaded image: ${familiarReference(tag)}\n` });
  }
  return id;
}
