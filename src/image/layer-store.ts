/**
 * Layers, unpacked once each into a directory of their own (layers/<hex of the diff id>), ready to be a lower directory
 * of overlayfs. A layer is made under a temporary name and renamed into place when it is whole; what is removed is
 * renamed away first.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline, Transform, type Readable } from 'node:stream';
import { nowOrLater } from '../base/again.ts';
import { Backlog } from '../base/backlog.ts';
import { errorCode, errorMessage, systemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { removeTree } from '../base/remove-tree.ts';
import { spreadSubdirectories } from '../kernel/spread-directories.ts';
import { digestHex } from './blob-store.ts';
import { extractTar } from './extract-tar.ts';
import { storageError } from './storage-errors.ts';
import { TarFilter } from './tar-filter.ts';
import { scanTar } from './tar-scan.ts';
import { LayerToOverlay } from './whiteouts.ts';

export interface UnpackedLayer {
  readonly diffId: string;
  readonly sizeBytes: number; // the files' sizes added up
  readonly tarBytes: number; // of the uncompressed archive
}

/**
 * A layer that was unpacked and is not yet in place. Either `keep` or `discard` it; what cannot be kept is gone too.
 */
export interface PendingLayer extends UnpackedLayer {
  keep(): Promise<void>;
  discard(): Promise<void>;
}

export class LayerStore {
  readonly #directory: string;
  readonly #staging: string;
  readonly #trash: string;
  readonly #log: Log;
  /** An image may have a hundred layers, and a prune many images: each has files open while it is deleted. */
  readonly #deletions = new Backlog({ atOnce: 4, room: Infinity });

  constructor(root: string, log: Log) {
    this.#directory = join(root, 'layers');
    this.#staging = join(root, 'unpack');
    this.#trash = join(root, 'trash');
    this.#log = log;
    for (const directory of [this.#directory, this.#staging, this.#trash])
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    spreadSubdirectories(this.#staging); // where they are made is where they stay
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

  /** Unpacks an uncompressed layer; `report` is called as it goes. */
  async unpack(tar: Readable, report?: () => void, signal?: AbortSignal): Promise<PendingLayer> {
    const whiteouts = new LayerToOverlay();
    const hash = createHash('sha256');
    let tarBytes = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        tarBytes += chunk.length;
        report?.();
        done(null, chunk);
      },
    });
    const filter = new TarFilter(whiteouts);
    // A failure upstream destroys the filter, and with that the extraction.
    pipeline(tar, measure, filter, () => {});
    const directory = await this.#extract(filter, signal).catch((error: unknown) => {
      tar.destroy();
      throw error;
    });
    return this.#pending(directory, {
      diffId: `sha256:${hash.digest('hex')}`,
      sizeBytes: whiteouts.sizeBytes,
      tarBytes,
    });
  }

  /**
   * The same from an uncompressed archive on disk whose digest is known. Where the archive holds nothing that overlayfs
   * needs in another form, which is the rule for the lowest layer, it is extracted as it is.
   */
  async unpackFile(path: string, diffId: string, report?: () => void, signal?: AbortSignal): Promise<PendingLayer> {
    const whiteouts = new LayerToOverlay();
    const asItIs = await scanTar(path, whiteouts);
    if (!asItIs) return await this.unpack(createReadStream(path, { highWaterMark: 256 * 1024 }), report, signal);
    const file = await open(path, 'r');
    try {
      const tarBytes = await sizeOf(file, path); // before: what fails behind the extraction would leave it there
      const directory = await this.#extract(file.fd, signal);
      return this.#pending(directory, { diffId, sizeBytes: whiteouts.sizeBytes, tarBytes });
    } finally {
      await file.close().catch(() => {}); // it was only read
    }
  }

  async #extract(tar: Readable | number, signal: AbortSignal | undefined): Promise<string> {
    const directory = join(this.#staging, randomBytes(8).toString('hex'));
    try {
      try {
        mkdirSync(directory, { mode: 0o755 });
      } catch (error) {
        throw storageError('mkdir', directory, error);
      }
      await extractTar(tar, { view: { root: directory }, into: '/' }, signal);
      return directory;
    } catch (error) {
      await this.#remove(directory);
      throw error;
    }
  }

  /** A directory that is in overlayfs's form already; it is gone from its place. */
  take(directory: string, layer: UnpackedLayer): PendingLayer {
    const own = join(this.#staging, randomBytes(8).toString('hex'));
    try {
      renameSync(directory, own);
    } catch (error) {
      throw storageError('rename', directory, error);
    }
    return this.#pending(own, layer);
  }

  #pending(directory: string, layer: UnpackedLayer): PendingLayer {
    return { ...layer, keep: () => this.#place(directory, layer.diffId), discard: () => this.#remove(directory) };
  }

  async #place(directory: string, diffId: string): Promise<void> {
    try {
      renameSync(directory, this.path(diffId));
    } catch (error) {
      // The same layer came from elsewhere meanwhile, or the unpacked one is empty already: one copy is enough.
      const there = ['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '');
      await this.#remove(directory);
      if (!there) throw storageError('rename', directory, error);
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

  /** A few at a time, beside what asked for it: they are out of their place, and a path each is all that waits. */
  #sweep(directory: string): void {
    void this.#deletions.add(() => this.#remove(directory));
  }

  /** Never throws: what cannot be removed is tried again later. */
  #remove(directory: string): Promise<void> {
    return nowOrLater(
      () => removeTree(directory),
      (error) =>
        this.#log.warn(
          { error: errorMessage(error), directory },
          'cannot remove a discarded layer: the next start of the daemon tries again',
        ),
    );
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

async function sizeOf(file: FileHandle, path: string): Promise<number> {
  try {
    return (await file.stat()).size;
  } catch (error) {
    throw storageError('stat', path, error);
  }
}
