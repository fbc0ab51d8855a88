/** Configurations of the images in the index, as they were read; and which of them the disk may not have yet. */
import { readFileSync } from 'node:fs';
import type { BlobStore } from './blob-store.ts';
import { parseImageConfig, type ParsedImageConfig } from './image-config.ts';

type Entry = ParsedImageConfig['history'][number];

export class ImageConfigs {
  readonly #blobs: BlobStore;
  readonly #read = new Map<string, ParsedImageConfig>();
  readonly #unsynced = new Set<string>();

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  /** `parent`: the image that it was made of, '' = none. Throws where it cannot be read. */
  get(id: string, parent: string): ParsedImageConfig {
    const known = this.#read.get(id);
    if (known) return known;
    const config = parseImageConfig(readFileSync(this.#blobs.path(id)));
    this.set(id, config, parent);
    return this.#read.get(id)!;
  }

  set(id: string, config: ParsedImageConfig, parent: string): void {
    this.#read.set(id, withHistoryOf(this.#read.get(parent), config));
  }

  delete(id: string): void {
    this.#read.delete(id);
    this.#unsynced.delete(id);
  }

  /** It was written, and not waited for. */
  expectSync(id: string): void {
    this.#unsynced.add(id);
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
function withHistoryOf(parent: ParsedImageConfig | undefined, config: ParsedImageConfig): ParsedImageConfig {
  if (!parent || parent.history.length > config.history.length) return config;
  if (!parent.history.every((entry, i) => isSame(entry, config.history[i]!))) return config;
  return { ...config, history: [...parent.history, ...config.history.slice(parent.history.length)] };
}

const isSame = (a: Entry, b: Entry): boolean =>
  a.createdAt === b.createdAt &&
  a.createdBy === b.createdBy &&
  a.comment === b.comment &&
  a.author === b.author &&
  a.emptyLayer === b.emptyLayer;
