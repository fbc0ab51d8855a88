/**
 * When the image index cannot be read, or is gone: it is put aside under another name, and a new one is made of the one
 * before it and of what is on the disk: configurations say which layers an image has, manifests which blobs these came
 * as. Names that were given last may be missing; no image that is whole is.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { digestOf, DIGEST_PATTERN, digestHex, MAX_DOCUMENT_BYTES } from './blob-store.ts';
import { readDecompressed } from './compression.ts';
import { writeDurably } from './durable-file.ts';
import { parseImageConfig } from './image-config.ts';
import { currentBootId, emptyIndex } from './image-index.ts';
import {
  formatIndex,
  indexFile,
  previousIndexFile,
  readIndexFile,
  type IndexDraft,
  type IndexState,
} from './index-file.ts';
import { isIndex, parseManifest } from './media-types.ts';
import { treeSizeBytes } from './tree-size.ts';

export const DAMAGED_INDEX_ADVICE =
  'see whether images have their names (docker images -a), tag or pull those that lack them, then delete that file';

interface Found {
  readonly configs: Map<string, readonly string[]>; // diff ids by id
  readonly manifests: Map<string, { readonly digest: string; readonly layers: readonly string[] }>; // by the configuration's digest
  readonly rest: Set<string>; // blobs that are neither
}

/**
 * To be called before the index is opened. Does nothing where it is well, or where there has been none. `stepIds`: of
 * images that are steps of builds.
 */
export async function repairIndex(
  root: string,
  log: Log,
  stepIds: () => ReadonlySet<string> = () => new Set(),
): Promise<void> {
  const path = indexFile(root);
  const there = readIndexFile(path);
  const damage = there === undefined ? 'it is missing' : 'damage' in there ? there.damage : undefined;
  if (damage === undefined) return;
  const previous = readIndexFile(previousIndexFile(root));
  if (!there && !previous && entries(join(root, 'blobs/sha256')).length === 0) return;
  const kept = previous && 'state' in previous ? previous.state : undefined;
  const made = await complete(root, kept ?? emptyIndex(''), stepIds());
  const away = `${path}.damaged-${new Date().toISOString().replaceAll(':', '')}`;
  if (there) renameSync(path, away);
  writeDurably(path, formatIndex(made, kept?.bootId ?? bootIdIn(away) ?? currentBootId()), () => undefined);
  log.error(
    { damage, kept: there ? away : undefined, images: made.images.size, names: made.references.size },
    `the image index ${path} is damaged (${damage}) and was made anew of ${kept ? 'the one before it and of ' : ''}what is on the disk; ${there ? `it is kept as ${away}: ` : ''}${DAMAGED_INDEX_ADVICE}`,
  );
}

/** It is at the beginning of the file: of half of one it is there. */
function bootIdIn(path: string): string | undefined {
  return attempt(() => /"bootId":"([0-9a-f-]{36})"/.exec(readFileSync(path, 'utf8'))?.[1]);
}

/** The files in which damaged indexes are kept. */
export function damagedIndexes(root: string): string[] {
  return entries(root)
    .filter((name) => name.startsWith('index.json.damaged-'))
    .map((name) => join(root, name));
}

/** With every image that is whole on the disk. */
async function complete(root: string, base: IndexState, stepIds: ReadonlySet<string>): Promise<IndexDraft> {
  const draft: IndexDraft = {
    images: new Map(base.images),
    references: new Map(base.references),
    layers: new Map(base.layers),
    compressed: new Map(base.compressed),
  };
  const found = lookAtBlobs(root);
  const unpacked = (diffId: string): boolean => existsSync(join(root, 'layers', digestHex(diffId)));
  const fresh = [...found.configs].filter(([id, diffIds]) => !base.images.has(id) && diffIds.every(unpacked));
  const blobOf = await blobsOf(
    root,
    fresh.flatMap(([id, diffIds]) => (found.manifests.has(id) ? [] : diffIds)),
    found,
    base,
  );
  for (const [id, diffIds] of fresh) {
    const manifest = found.manifests.get(id);
    const layers =
      manifest?.layers.length === diffIds.length
        ? manifest.layers
        : diffIds.map((diffId) => blobOf.get(diffId) ?? diffId);
    const image = { id, manifest: manifest?.digest ?? '', parent: '', layers, lastTaggedAt: '' };
    draft.images.set(id, { ...image, ...(stepIds.has(id) ? { hidden: true, kept: true } : { hidden: false }) });
    for (const [i, diffId] of diffIds.entries()) {
      if (draft.layers.has(diffId)) continue;
      const sizeBytes = await treeSizeBytes(join(root, 'layers', digestHex(diffId)));
      const tar = await uncompressed(root, layers[i]!);
      draft.layers.set(diffId, { sizeBytes, tarBytes: tar?.sizeBytes ?? sizeBytes, settled: false });
    }
  }
  return draft;
}

function lookAtBlobs(root: string): Found {
  const found: Found = { configs: new Map(), manifests: new Map(), rest: new Set() };
  for (const name of entries(join(root, 'blobs/sha256'))) {
    const digest = `sha256:${name}`;
    if (!DIGEST_PATTERN.test(digest)) continue;
    const content = readJson(join(root, 'blobs/sha256', name));
    if (content === undefined || digestOf(content) !== digest || !takeConfig(found, digest, content))
      found.rest.add(digest);
  }
  return found;
}

/** False for what is neither a configuration nor a manifest. */
function takeConfig(found: Found, digest: string, content: Buffer): boolean {
  const config = attempt(() => parseImageConfig(content));
  if (config) {
    if (config.diffIds.every((diffId) => DIGEST_PATTERN.test(diffId))) found.configs.set(digest, config.diffIds);
    return true;
  }
  const manifest = attempt(() => parseManifest(content));
  if (!manifest) return false;
  if (!isIndex(manifest))
    found.manifests.set(manifest.config.digest, { digest, layers: manifest.layers.map((layer) => layer.digest) });
  return true;
}

/**
 * Which blobs these layers came as, where no manifest says it: the uncompressed ones by their digests, others by what
 * is in them.
 */
async function blobsOf(
  root: string,
  diffIds: readonly string[],
  found: Found,
  base: IndexState,
): Promise<Map<string, string>> {
  const missing = new Set(diffIds);
  const blobs = new Map<string, string>();
  for (const diffId of missing) if (found.rest.has(diffId)) blobs.set(diffId, diffId);
  const known = new Set([...base.images.values(), ...found.manifests.values()].flatMap(({ layers }) => layers));
  for (const blob of found.rest) {
    if (blobs.size === missing.size) break;
    if (known.has(blob) || blobs.has(blob)) continue;
    const diffId = (await uncompressed(root, blob))?.digest ?? '';
    if (missing.has(diffId)) blobs.set(diffId, blob);
  }
  return blobs;
}

/** undefined where it cannot be read. */
async function uncompressed(root: string, blob: string): Promise<{ digest: string; sizeBytes: number } | undefined> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    const { stream } = await readDecompressed(join(root, 'blobs/sha256', digestHex(blob)));
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    }
    return { digest: `sha256:${hash.digest('hex')}`, sizeBytes };
  } catch {
    return undefined;
  }
}

function readJson(path: string): Buffer | undefined {
  return attempt(() => {
    if (statSync(path).size > MAX_DOCUMENT_BYTES) return undefined;
    const content = readFileSync(path);
    return content[0] === 0x7b || /^\s*\{/.test(content.subarray(0, 64).toString('latin1')) ? content : undefined;
  });
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function entries(directory: string): string[] {
  return attempt(() => readdirSync(directory)) ?? [];
}
