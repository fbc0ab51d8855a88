/**
 * Layers and their blobs are large, and no import or pull of an image waits until they are on the disk: a killed
 * process loses nothing, because the kernel has them. A power failure may. So a layer counts as settled only after a
 * sync that happens in the background, and the layers that were not when the machine went down are made again from
 * their blobs, if these are whole, or go together with their images. What is listed is never half there.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { errorMessage } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ImageRecord } from '../model/image.ts';
import type { BlobStore } from './blob-store.ts';
import type { LayerStore } from './layer-store.ts';
import { currentBootId } from './image-index.ts';
import type { IndexState } from './index-file.ts';

const DELAY_MS = 5000;

/** What this needs of the catalogue of images. */
interface Catalog {
  readonly root: string;
  readonly log: Log;
  readonly blobs: BlobStore;
  readonly layers: LayerStore;
  readonly state: IndexState;
  record(id: string): ImageRecord;
  setSettled(diffIds: readonly string[]): void;
  enterBoot(): void;
  renewLayer(blob: string, diffId: string): Promise<void>;
  setAside(damaged: ReadonlyMap<string, string>): void;
}

export class LayerDurability {
  readonly #catalog: Catalog;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  #unsettled(): string[] {
    return [...this.#catalog.state.layers].filter(([, layer]) => !layer.settled).map(([diffId]) => diffId);
  }

  /** Some seconds after the last call: a burst of images is synced once. Does not keep the process alive. */
  settleSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.settle().catch((error: unknown) =>
        this.#catalog.log.warn({ error }, 'cannot sync image layers to the disk'),
      );
    }, DELAY_MS).unref();
  }

  /** Nothing more is to be written: another may own the directory from now on. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Syncs the file system and notes what is on the disk now. */
  async settle(): Promise<void> {
    const diffIds = this.#unsettled();
    if (diffIds.length === 0) return;
    await new Promise<void>((resolve, reject) => {
      // A process of its own: it can take long, and should not block a thread of the daemon.
      const child = spawn('sync', ['--file-system', this.#catalog.root], { stdio: 'ignore' });
      child.on('error', reject);
      child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`sync: exit status ${code}`))));
    });
    if (!this.#closed) this.#catalog.setSettled(diffIds);
  }

  /** To be called once, at start: sees to the layers that a crash of the machine may have left incomplete. */
  async recover(): Promise<void> {
    const unsettled = new Set(this.#unsettled());
    const sameBoot = this.#catalog.state.bootId === currentBootId();
    if (unsettled.size > 0 && sameBoot) this.settleSoon();
    // Layers that were deleted from the disk are made again whatever the boot.
    const doubtful = (diffId: string): boolean =>
      (unsettled.has(diffId) && !sameBoot) || !this.#catalog.layers.has(diffId);
    const lost = new Map<string, string>();
    const renewed = new Set<string>();
    for (const image of this.#catalog.state.images.values()) {
      for (const [i, diffId] of this.#catalog.record(image.id).diffIds.entries()) {
        if (renewed.has(diffId) || !doubtful(diffId)) continue;
        const blob = image.layers[i] ?? '';
        try {
          if (!(await this.#isWhole(blob))) throw new Error(`blob ${blob} is damaged`);
          await this.#catalog.renewLayer(blob, diffId);
          renewed.add(diffId);
        } catch (error) {
          lost.set(
            image.id,
            `layer ${diffId} is missing, or was not on the disk when the machine went down: ${errorMessage(error)}`,
          );
        }
      }
    }
    this.#catalog.setAside(lost);
    this.#catalog.enterBoot();
    if (renewed.size === 0) return;
    this.#catalog.log.info({ layers: renewed.size }, 'unpacked layers again that were not on the disk');
    this.settleSoon();
  }

  async #isWhole(blob: string): Promise<boolean> {
    const hash = createHash('sha256');
    for await (const chunk of this.#catalog.blobs.stream(blob)) hash.update(chunk as Buffer);
    return `sha256:${hash.digest('hex')}` === blob;
  }
}
