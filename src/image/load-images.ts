/**
 * `docker load`: images from a tar, compressed or not, in the form of docker-archive (manifest.json), of an OCI layout
 * (index.json), or of Docker before 1.10. The archive is read once; its files wait as blobs until the manifest, which
 * mostly comes last, says what they are. What no image turned out to need is gone when it is over.
 */
import type { Readable } from 'node:stream';
import { invalid, systemError } from '../base/errors.ts';
import { shortId } from '../model/ids.ts';
import {
  familiarReference,
  formatReference,
  parseReference,
  withDefaultTag,
  type ImageReference,
} from '../model/image-reference.ts';
import { HOST_PLATFORM, rankPlatform, type Platform } from '../model/platform.ts';
import { readArchive, readJson, type ArchivedImage, type ArchiveFiles } from './archive-files.ts';
import type { ImageCatalog } from './image-catalog.ts';
import { acceptImageConfig, parseImageConfig } from './image-config.ts';
import { legacyArchive } from './legacy-archive.ts';
import { isIndex, parseManifest, type Descriptor } from './media-types.ts';
import { DiffIdMismatchError } from './mismatch-errors.ts';
import type { Pins } from './pins.ts';
import { throttle } from './progress.ts';
import type { ReportProgress } from '../model/registry.ts';

export interface LoadOptions {
  readonly signal?: AbortSignal;
  /** Images for others stay where they are. */
  readonly platform?: Platform;
}

/** Of one archive. Nobody saves as many; some hundred thousand fit into a manifest that names one file again and again. */
const MAX_IMAGES = 10_000;

/**
 * The index of images is written as a whole. An archive's images enter it one by one, and where they are many, in
 * groups that grow with what is there already: what is written grows as the archive does, not as its square.
 */
const IMAGES_FOR_A_LARGER_GROUP = 16;

/** Resolves to the ids of what was loaded. What stands in the archive before an image that is refused is loaded. */
export async function loadImages(
  catalog: ImageCatalog,
  source: Readable,
  report: ReportProgress,
  { signal, platform }: LoadOptions = {},
): Promise<string[]> {
  return await catalog.pinned(async (pins) => {
    const files = await readArchive(catalog, source, pins);
    const ids: string[] = [];
    let group: ArchivedImage[] = [];
    let named = false;
    const register = async () => {
      const images = group;
      group = [];
      if (images.length > 0) ids.push(...(await registerAll(catalog, images, pins, report)));
    };
    try {
      for await (const image of imagesIn(catalog, files, pins, platform)) {
        if (platform && rankPlatform(parseImageConfig(image.config), platform) === 0) continue;
        await unpackLayers(catalog, image, pins, report);
        named ||= image.tags.length > 0;
        group.push(image);
        if (group.length > ids.length / IMAGES_FOR_A_LARGER_GROUP) await register();
      }
    } finally {
      await register();
    }
    if (!named) for (const id of ids) report({ stream: `Loaded image ID: ${id}\n` });
    return ids;
  }, signal);
}

function imagesIn(
  catalog: ImageCatalog,
  files: ArchiveFiles,
  pins: Pins,
  platform = HOST_PLATFORM,
): AsyncGenerator<ArchivedImage> {
  if (files.digest('manifest.json') !== undefined) return dockerArchive(catalog, files);
  if (files.digest('index.json') !== undefined) return ociLayout(catalog, files, platform);
  if (files.digest('repositories') !== undefined) return legacyArchive(catalog, files, pins);
  throw invalid('open manifest.json: no such file or directory');
}

async function* dockerArchive(catalog: ImageCatalog, files: ArchiveFiles): AsyncGenerator<ArchivedImage> {
  const list = await readJson(catalog, files.need('manifest.json'), 'manifest.json');
  if (list === null) throw invalid('invalid manifest, manifest cannot be null (but can be [])');
  if (!Array.isArray(list)) throw invalid('invalid manifest.json: no list');
  checkCount(list.length);
  const items = list.map(manifestItem);
  const ids = new Set(items.map(({ config }) => files.digest(config)));
  for (const item of items) {
    const id = files.need(item.config);
    const config = await catalog.blobs.read(id);
    const isThere = item.parent !== id && ids.has(item.parent);
    const parent = isThere ? await parentOf(config, { id, parent: item.parent }, catalog) : {};
    const tags = item.tags.map((tag) => parseReference(tag));
    const untagged = tags.find((tag) => tag.tag === '');
    if (untagged) throw invalid(`invalid tag ${JSON.stringify(familiarReference(untagged))}`);
    yield { config, ...parent, layers: item.layers.map((layer) => files.need(layer)), tags };
  }
}

/**
 * A child is its parent and one step more; where no step is written down, nothing shows which of two is the parent.
 * @throws invalid in Docker's words
 */
async function parentOf(
  config: Buffer,
  { id, parent }: { readonly id: string; readonly parent: string },
  catalog: ImageCatalog,
): Promise<{ readonly parent?: string }> {
  const own = parseImageConfig(config);
  const its = parseImageConfig(await catalog.blobs.read(parent));
  if (own.history.length === 0 && its.history.length === 0) return {};
  const steps = JSON.stringify(own.history.slice(0, its.history.length));
  const isChild =
    own.history.length === its.history.length + 1 &&
    steps === JSON.stringify(its.history) &&
    its.diffIds.every((diffId, i) => diffId === own.diffIds[i]);
  if (!isChild) throw invalid(`image ${parent} is not a valid parent for ${id}`);
  return { parent };
}

function checkCount(images: number): void {
  if (images > MAX_IMAGES) throw invalid(`the archive holds more than ${MAX_IMAGES} images: load them in parts`);
}

interface ManifestItem {
  readonly config: string;
  readonly layers: readonly string[];
  readonly tags: readonly string[];
  readonly parent: string; // an id; '' = none
}

/**
 * One image of a manifest.json: names of files, and references; an image without a name has null for RepoTags, or
 * nothing.
 */
function manifestItem(entry: unknown): ManifestItem {
  const {
    Config: config,
    Layers: layers,
    RepoTags: tags,
    Parent: parent,
  } = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
  if (typeof config !== 'string' || !isTexts(layers)) throw invalid('invalid manifest.json: no Config or Layers');
  if (tags !== undefined && tags !== null && !isTexts(tags))
    throw invalid('invalid manifest.json: RepoTags is no list of names');
  return { config, layers, tags: tags ?? [], parent: typeof parent === 'string' ? parent : '' };
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

async function* ociLayout(
  catalog: ImageCatalog,
  files: ArchiveFiles,
  platform: Platform,
): AsyncGenerator<ArchivedImage> {
  const index = parseManifest(await catalog.blobs.read(files.need('index.json')));
  if (!isIndex(index)) throw invalid('invalid index.json: it has no manifests');
  checkCount(index.manifests.length);
  const images = new Map<string, { readonly descriptor: Descriptor; readonly tags: ImageReference[] }>();
  for (const descriptor of index.manifests) {
    const chosen = await choosePlatform(catalog, files, descriptor, platform);
    if (!chosen) continue;
    const known = images.get(chosen.digest) ?? { descriptor: chosen, tags: [] };
    const tag = referenceOf(descriptor);
    if (tag) known.tags.push(tag);
    images.set(chosen.digest, known);
  }
  for (const { descriptor, tags } of images.values()) {
    const content = await blob(catalog, files, descriptor);
    const manifest = parseManifest(content);
    if (isIndex(manifest)) continue;
    yield {
      config: await blob(catalog, files, manifest.config),
      manifest: content,
      layers: manifest.layers.map((layer) => locate(files, layer)),
      tags,
    };
  }
}

async function choosePlatform(
  catalog: ImageCatalog,
  files: ArchiveFiles,
  descriptor: Descriptor,
  platform: Platform,
): Promise<Descriptor | undefined> {
  const manifest = parseManifest(await blob(catalog, files, descriptor), descriptor.mediaType);
  if (!isIndex(manifest)) return descriptor;
  const rank = (candidate: Descriptor) => {
    // Attestations are manifests for no platform at all; and an archive may hold only some of those its index names.
    const { os = '', architecture = '', variant = '' } = candidate.platform ?? {};
    return files.digest(blobName(candidate.digest)) ? rankPlatform({ os, architecture, variant }, platform) : 0;
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

async function unpackLayers(
  catalog: ImageCatalog,
  image: ArchivedImage,
  pins: Pins,
  report: ReportProgress,
): Promise<void> {
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
}

/** Names the images, whose layers are unpacked, and says so. */
async function registerAll(
  catalog: ImageCatalog,
  images: readonly ArchivedImage[],
  pins: Pins,
  report: ReportProgress,
): Promise<string[]> {
  const registered = await catalog.registerAll(
    images.map(({ tags, ...image }) => ({ ...image, references: tags.map(formatReference) })),
    pins,
  );
  for (const [i, { moved }] of registered.entries()) {
    for (const tag of images[i]!.tags) {
      const name = familiarReference(tag);
      const before = moved.find(({ reference }) => reference === formatReference(tag));
      if (before) {
        report({
          stream: `The image ${name} already exists, renaming the old one with ID ${before.from} to empty string\n`,
        });
      }
      report({ stream: `Loaded image: ${name}\n` });
    }
  }
  return registered.map(({ id }) => id);
}
