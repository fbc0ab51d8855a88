/**
 * Which images, names and layers there are: one JSON file, replaced whole (written beside, made durable, renamed), so that
 * after a crash at any instruction it is the old one or the new one. Readers get immutable snapshots.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, systemError } from '../base/errors.ts';
import { writeDurably } from './durable-file.ts';
import { storageError } from './storage-errors.ts';

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
}

export interface StoredLayer {
  readonly sizeBytes: number; // of the files
  readonly tarBytes: number; // of the uncompressed archive
  /** Known to be on the disk, and not only in the kernel's memory. */
  readonly settled: boolean;
}

export interface IndexState {
  /** The boot of the machine in which it was last written. */
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

/** Changes with every boot of the machine. */
export function currentBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

export class ImageIndex {
  readonly #path: string;
  #state: IndexState;

  private constructor(path: string, state: IndexState) {
    this.#path = path;
    this.#state = state;
  }

  static open(root: string): ImageIndex {
    const path = join(root, 'index.json');
    let content: string;
    try {
      content = readFileSync(path, 'utf8');
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw storageError('read', path, error);
      return new ImageIndex(path, { bootId: currentBootId(), images: new Map(), references: new Map(), layers: new Map(), compressed: new Map() });
    }
    try {
      const json = JSON.parse(content) as Record<string, object> & { version: number };
      if (json.version !== 1) throw new Error(`unknown version ${json.version}`);
      return new ImageIndex(path, {
        bootId: String(json['bootId']),
        images: new Map(Object.entries(json['images'] as Record<string, StoredImage>)),
        references: new Map(Object.entries(json['references'] as Record<string, string>)),
        layers: new Map(Object.entries(json['layers'] as Record<string, StoredLayer>)),
        compressed: new Map(Object.entries(json['compressed'] as Record<string, string>)),
      });
    } catch (error) {
      throw systemError(`the image index ${path} is damaged: ${(error as Error).message}`, error);
    }
  }

  get state(): IndexState {
    return this.#state;
  }

  /** Changes it. Durable when it returns; if it throws nothing has changed. Synchronous: no change can come between. */
  update<T>(change: (draft: IndexDraft) => T): T {
    const draft: IndexDraft = {
      images: new Map(this.#state.images),
      references: new Map(this.#state.references),
      layers: new Map(this.#state.layers),
      compressed: new Map(this.#state.compressed),
    };
    const result = change(draft);
    this.#write(draft);
    this.#state = { bootId: currentBootId(), ...draft };
    return result;
  }

  #write(state: IndexDraft): void {
    const content = JSON.stringify({
      version: 1,
      bootId: currentBootId(),
      images: Object.fromEntries(state.images),
      references: Object.fromEntries(state.references),
      layers: Object.fromEntries(state.layers),
      compressed: Object.fromEntries(state.compressed),
    });
    writeDurably(this.#path, content);
  }
}
