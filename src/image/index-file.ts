/**
 * The form of the image index on the disk: one JSON object whose last field is the checksum of all before it. Next to
 * it lies the one that it replaced, for the day on which it cannot be read.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, errorMessage, systemError } from '../base/errors.ts';
import { flag, list, map, matching, object, optional, text, whole, type Shape } from '../model/shape.ts';
import { DIGEST_PATTERN } from './blob-store.ts';
import { damageOf } from './storage-errors.ts';

export interface StoredImage {
  readonly id: string; // the config blob's digest
  /** The manifest that it came with, pushed again as it is; '' for images made here. */
  readonly manifest: string;
  readonly parent: string;
  /** The layers' blobs, lowest first. */
  readonly layers: readonly string[];
  readonly lastTaggedAt: string; // '' = never
  /** Removed by force while containers use it: no name, in no list, kept for their sake. */
  readonly hidden: boolean;
  /** A step of a build that is kept for the next one. Where it is hidden too, only its id finds it. */
  readonly kept?: boolean | undefined;
}

export interface StoredLayer {
  readonly sizeBytes: number; // of the files
  readonly tarBytes: number; // of the uncompressed archive
  /** Known to be on the disk, and not only in the kernel's memory. */
  readonly settled: boolean;
}

export interface IndexState {
  /** The boot of the machine whose crash would lose what is not settled. */
  readonly bootId: string;
  readonly images: ReadonlyMap<string, StoredImage>;
  /** Whole references ('docker.io/library/busybox:latest', 'docker.io/library/busybox@sha256:...') to image ids. */
  readonly references: ReadonlyMap<string, string>;
  readonly layers: ReadonlyMap<string, StoredLayer>; // by diff id
  /** Layer blobs made for a push of an uncompressed layer: by the uncompressed blob's digest. */
  readonly compressed: ReadonlyMap<string, string>;
}

export interface IndexDraft {
  images: Map<string, StoredImage>;
  references: Map<string, string>;
  layers: Map<string, StoredLayer>;
  compressed: Map<string, string>;
}

export const indexFile = (root: string): string => join(root, 'index.json');
export const previousIndexFile = (root: string): string => join(root, 'index.previous.json');

const digest = matching(DIGEST_PATTERN, 'a digest');
const VERSION = 1;

interface IndexJson {
  readonly version: number;
  readonly bootId: string;
  readonly images: Readonly<Record<string, StoredImage>>;
  readonly references: Readonly<Record<string, string>>;
  readonly layers: Readonly<Record<string, StoredLayer>>;
  readonly compressed: Readonly<Record<string, string>>;
}

const storedImageShape: Shape<StoredImage> = object<StoredImage>({
  id: digest,
  manifest: matching(/^(|sha256:[0-9a-f]{64})$/, 'a digest'),
  parent: text,
  layers: list(digest),
  lastTaggedAt: text,
  hidden: flag,
  kept: optional(flag),
});

const indexShape = object<IndexJson>({
  version: whole,
  bootId: text,
  images: map(storedImageShape, digest),
  references: map(digest),
  layers: map(object<StoredLayer>({ sizeBytes: whole, tarBytes: whole, settled: flag }), digest),
  compressed: map(digest, digest),
});

const sumOf = (body: string): string => createHash('sha256').update(body).digest('hex');

export function formatIndex(state: Omit<IndexState, 'bootId'>, bootId: string): string {
  const body = JSON.stringify({
    version: VERSION,
    bootId,
    images: Object.fromEntries(state.images),
    references: Object.fromEntries(state.references),
    layers: Object.fromEntries(state.layers),
    compressed: Object.fromEntries(state.compressed),
  } satisfies IndexJson);
  return `${body.slice(0, -1)},"sha256":"${sumOf(body)}"}`;
}

/**
 * What an index file holds, or why it cannot be used; undefined where there is none. Throws where that is not the
 * file's fault.
 */
export function readIndexFile(path: string): { readonly state: IndexState } | { readonly damage: string } | undefined {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    return { damage: damageOf(path, error) };
  }
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (error) {
    return { damage: `no JSON: ${errorMessage(error)}` };
  }
  const { version } = (json ?? {}) as { version?: unknown };
  if (Number.isInteger(version) && (version as number) > VERSION) {
    throw systemError(
      `the image index ${path} has version ${String(version)}: a newer release wrote it, start that one`,
    );
  }
  const complaint = indexShape(json) ?? sumComplaint(content);
  return complaint === undefined ? { state: stateOf(json as IndexJson) } : { damage: complaint };
}

/**
 * An index of a release that wrote no checksum, or from which it was removed for an edit by hand, has none to be wrong.
 */
function sumComplaint(content: string): string | undefined {
  const match = /,"sha256":"([0-9a-f]*)"\}\s*$/.exec(content);
  return match === null || sumOf(`${content.slice(0, match.index)}}`) === match[1]
    ? undefined
    : 'its checksum is wrong';
}

function stateOf(json: IndexJson): IndexState {
  return {
    bootId: json.bootId,
    images: new Map(Object.entries(json.images)),
    references: new Map(Object.entries(json.references)),
    layers: new Map(Object.entries(json.layers)),
    compressed: new Map(Object.entries(json.compressed)),
  };
}
