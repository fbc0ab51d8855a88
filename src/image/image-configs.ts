/** Configurations of the images in the index, as they were read; and which of them the disk may not have yet. */
import { readFileSync } from 'node:fs';
import type { BlobStore } from './blob-store.ts';
import { parseImageConfig, type ParsedImageConfig } from './image-config.ts';

type Entry = ParsedImageConfig['history'][number];

/**
 * Of those in memory, as written. A step of a build repeats the variables and labels of all before it: some hundred steps
 * after one long ENV would take gigabytes, and again at every start. What is dropped is read again.
 */
const MAX_CHARS = 64 * 1024 * 1024;

export class ImageConfigs {
  readonly #blobs: Pick<BlobStore, 'path' | 'sync' | 'syncNow'>;
  readonly #dropped: (id: string) => void;
  /** The one that was used last is the last. */
  readonly #read = new Map<string, { readonly config: ParsedImageConfig; readonly chars: number }>();
  readonly #diffIds = new Map<string, readonly string[]>();
  readonly #unsynced = new Set<string>();
  #chars = 0;

  /** `dropped`: what was made of it is to be forgotten, too. */
  constructor(blobs: Pick<BlobStore, 'path' | 'sync' | 'syncNow'>, dropped: (id: string) => void = () => {}) {
    this.#blobs = blobs;
    this.#dropped = dropped;
  }

  /** `parent`: the image that it was made of, '' = none. Throws where it cannot be read. */
  get(id: string, parent: string): ParsedImageConfig {
    const known = this.#read.get(id);
    if (!known) return this.set(id, parseImageConfig(readFileSync(this.#blobs.path(id))), parent);
    this.#read.delete(id);
    this.#read.set(id, known);
    return known.config;
  }

  /** Its layers: known of all images, whatever else of them is in memory. */
  diffIds(id: string, parent: string): readonly string[] {
    return this.#diffIds.get(id) ?? this.get(id, parent).diffIds;
  }

  /** The same; of one that cannot be read none. */
  layersOf(id: string, parent: string): readonly string[] {
    try {
      return this.diffIds(id, parent);
    } catch {
      return [];
    }
  }

  set(id: string, config: ParsedImageConfig, parent: string): ParsedImageConfig {
    this.#forget(id);
    const { config: shared, repeated } = withHistoryOf(this.#read.get(parent)?.config, config);
    const chars = charsOf(shared, repeated);
    this.#read.set(id, { config: shared, chars });
    this.#diffIds.set(id, shared.diffIds);
    this.#chars += chars;
    for (const other of this.#read.keys()) {
      if (this.#chars <= MAX_CHARS || other === id) break;
      this.#forget(other);
      this.#dropped(other);
    }
    return shared;
  }

  #forget(id: string): void {
    this.#chars -= this.#read.get(id)?.chars ?? 0;
    this.#read.delete(id);
  }

  delete(id: string): void {
    this.#forget(id);
    this.#diffIds.delete(id);
    this.#unsynced.delete(id);
  }

  /** It was written, and not waited for. */
  expectSync(id: string): void {
    this.#unsynced.add(id);
  }

  get hasUnsynced(): boolean {
    return this.#unsynced.size > 0;
  }

  /** All are on the disk when it resolves. */
  async sync(): Promise<void> {
    const written = [...this.#unsynced];
    await this.#blobs.sync(written);
    for (const id of written) this.#unsynced.delete(id);
  }

  /** The same, when it returns. */
  syncNow(): void {
    this.#blobs.syncNow([...this.#unsynced]);
    this.#unsynced.clear();
  }
}

/**
 * The same, with the entries of the parent's history where they are equal: each step of a build repeats those before it,
 * and a thousand steps have half a million.
 */
function withHistoryOf(
  parent: ParsedImageConfig | undefined,
  config: ParsedImageConfig,
): { readonly config: ParsedImageConfig; readonly repeated: number } {
  const repeated = parent?.history.length ?? 0;
  if (!parent || repeated > config.history.length) return { config, repeated: 0 };
  if (!parent.history.every((entry, i) => isSame(entry, config.history[i]!))) return { config, repeated: 0 };
  return { config: { ...config, history: [...parent.history, ...config.history.slice(repeated)] }, repeated };
}

/** What one entry takes besides its text. */
const ENTRY_CHARS = 50;

/** About as many as it takes, without the first entries of its history: those are the parent's. */
function charsOf({ config, history }: ParsedImageConfig, repeated: number): number {
  const texts = [
    ...config.env,
    ...(config.entrypoint ?? []),
    ...(config.cmd ?? []),
    ...(config.shell ?? []),
    ...(config.onBuild ?? []),
    ...(config.healthcheck?.test ?? []),
    ...config.exposedPorts,
    ...config.volumes,
    ...Object.entries(config.labels).flat(),
    ...history.slice(repeated).flatMap(({ createdBy, comment, author }) => [createdBy, comment, author]),
  ];
  return texts.reduce((sum, text) => sum + text.length + ENTRY_CHARS, ENTRY_CHARS + 8 * repeated);
}

const isSame = (a: Entry, b: Entry): boolean =>
  a.createdAt === b.createdAt &&
  a.createdBy === b.createdBy &&
  a.comment === b.comment &&
  a.author === b.author &&
  a.emptyLayer === b.emptyLayer;
