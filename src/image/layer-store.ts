/**
 * Layers, unpacked once each into a directory of their own (layers/<hex of the diff id>), ready to be a lower directory of
 * overlayfs. A layer is made beside and renamed into place when it is whole; what is removed is renamed away first.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, statSync, utimesSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline, Transform, type Readable } from 'node:stream';
import { errorCode, systemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { digestHex } from './blob-store.ts';
import { storageError } from './storage-errors.ts';
import { TarFilter } from './tar-filter.ts';
import { extractTar } from './tar-program.ts';
import { LayerToOverlay } from './whiteouts.ts';

export interface UnpackedLayer {
  readonly diffId: string;
  readonly sizeBytes: number; // the files' sizes added up
  readonly tarBytes: number; // of the uncompressed archive
}

/** A layer that was unpacked and is not yet in place. Either `keep` or `discard` it. */
export interface PendingLayer extends UnpackedLayer {
  keep(): void;
  discard(): Promise<void>;
}

export class LayerStore {
  readonly #directory: string;
  readonly #staging: string;
  readonly #trash: string;
  readonly #log: Log;

  constructor(root: string, log: Log) {
    this.#directory = join(root, 'layers');
    this.#staging = join(root, 'unpack');
    this.#trash = join(root, 'trash');
    this.#log = log;
    for (const directory of [this.#directory, this.#staging, this.#trash]) mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.#staging)) renameSync(join(this.#staging, name), join(this.#trash, name));
    for (const name of readdirSync(this.#trash)) this.#sweep(join(this.#trash, name));
  }

  path(diffId: string): string {
    return join(this.#directory, digestHex(diffId));
  }

  has(diffId: string): boolean {
    return existsSync(this.path(diffId));
  }

  list(): string[] {
    return readdirSync(this.#directory).map((name) => `sha256:${name}`);
  }

  /** Unpacks an uncompressed layer. `diffId`: known already, not to be computed; `report` is called as it goes. */
  async unpack(tar: Readable, options: { diffId?: string; report?: () => void } = {}): Promise<PendingLayer> {
    const directory = join(this.#staging, randomBytes(8).toString('hex'));
    // Nobody can guess the name, so no entry of the archive can be meant for it.
    const tools = `.${randomBytes(12).toString('hex')}`;
    const whiteouts = new LayerToOverlay();
    const hash = createHash('sha256');
    let tarBytes = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        if (options.diffId === undefined) hash.update(chunk);
        tarBytes += chunk.length;
        options.report?.();
        done(null, chunk);
      },
    });
    const filter = new TarFilter(whiteouts);
    try {
      try {
        mkdirSync(join(directory, tools), { recursive: true, mode: 0o755 });
      } catch (error) {
        throw storageError('mkdir', directory, error);
      }
      // A failure upstream destroys the filter, and with that the extraction.
      pipeline(tar, measure, filter, () => {});
      await extractTar({ tar: filter, root: directory, toolsDirectory: tools, into: '/' });
      const { mtime } = statSync(directory);
      rmdirSync(join(directory, tools));
      utimesSync(directory, mtime, mtime);
    } catch (error) {
      tar.destroy();
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
    const diffId = options.diffId ?? `sha256:${hash.digest('hex')}`;
    const discard = () => rm(directory, { recursive: true, force: true });
    return { diffId, sizeBytes: whiteouts.sizeBytes, tarBytes, keep: () => this.#place(directory, diffId), discard };
  }

  #place(directory: string, diffId: string): void {
    try {
      renameSync(directory, this.path(diffId));
    } catch (error) {
      const there = ['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '');
      if (!there) throw storageError('rename', directory, error);
      // The same layer came from elsewhere meanwhile, or the unpacked one is empty already: one copy is enough.
      this.#discard(directory);
    }
  }

  remove(diffId: string): void {
    if (this.has(diffId)) this.#discard(this.path(diffId));
  }

  #discard(directory: string): void {
    const away = join(this.#trash, randomBytes(8).toString('hex'));
    renameSync(directory, away);
    this.#sweep(away);
  }

  #sweep(directory: string): void {
    rm(directory, { recursive: true, force: true }).catch((error: unknown) => {
      this.#log.warn({ error, directory }, 'cannot remove a discarded layer');
    });
  }

  /** Removes what nothing refers to; to be called once, before anything is unpacked. */
  removeExcept(diffIds: ReadonlySet<string>): void {
    for (const name of readdirSync(this.#directory)) {
      if (!diffIds.has(`sha256:${name}`)) this.#discard(join(this.#directory, name));
    }
  }

  /** Docker's limit on the depth of an image. */
  checkDepth(layers: number): void {
    if (layers > 125) throw systemError('max depth exceeded');
  }
}

