/**
 * Content by digest: blobs/sha256/<hex>. A blob is written to a temporary file, hashed while it is written and renamed
 * into place, so that what has a name is whole whenever the process ends. Nothing is ever changed in place. Small blobs
 * (`put`) also survive a power failure at once; for the large ones see layer-durability.ts.
 */
import { createHash, randomBytes, type Hash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  unlinkSync,
  type ReadStream,
} from 'node:fs';
import { open, readFile, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode, invalid, systemError } from '../base/errors.ts';
import { syncDirectories, syncDirectory } from '../base/sync-directories.ts';
import { LayerMismatchError } from './mismatch-errors.ts';
import { storageError } from './storage-errors.ts';

export const DIGEST_PATTERN = /^sha256:[0-9a-f]{64}$/;

/** What is parsed whole: manifests, indexes and image configurations. Registries take no longer ones. */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;

export interface Blob {
  readonly digest: string;
  readonly sizeBytes: number;
}

export function digestOf(content: Buffer | string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** The hex part; throws if it is not a sha256 digest, so that a digest from outside can never name another path. */
export function digestHex(digest: string): string {
  if (!DIGEST_PATTERN.test(digest)) throw systemError(`invalid digest: ${JSON.stringify(digest)}`);
  return digest.slice('sha256:'.length);
}

export class BlobStore {
  readonly #directory: string;
  readonly #temporary: string;

  constructor(root: string) {
    this.#directory = join(root, 'blobs', 'sha256');
    this.#temporary = join(root, 'ingest');
    mkdirSync(this.#directory, { recursive: true });
    // What was being written when the process ended has no owner.
    rmSync(this.#temporary, { recursive: true, force: true });
    mkdirSync(this.#temporary, { recursive: true, mode: 0o700 });
  }

  path(digest: string): string {
    return join(this.#directory, digestHex(digest));
  }

  has(digest: string): boolean {
    return statSync(this.path(digest), { throwIfNoEntry: false }) !== undefined;
  }

  sizeBytes(digest: string): number {
    return statSync(this.path(digest)).size;
  }

  /** A small blob (a config, a manifest) as it is on disk, its digest checked. Refused beyond `MAX_DOCUMENT_BYTES`. */
  async read(digest: string): Promise<Buffer> {
    const { size } = await stat(this.path(digest));
    if (size > MAX_DOCUMENT_BYTES)
      throw invalid(
        `${digest} is ${size} bytes long: of a manifest or an image configuration at most ${MAX_DOCUMENT_BYTES} are taken`,
      );
    const content = await readFile(this.path(digest));
    if (digestOf(content) !== digest) throw systemError(`blob ${digest} is damaged on disk`);
    return content;
  }

  stream(digest: string): ReadStream {
    return createReadStream(this.path(digest), { highWaterMark: 256 * 1024 });
  }

  /**
   * `pins` learns the digest before the blob has its name, so that no collection can come between. Not `durable`: see
   * `sync`.
   */
  async put(content: Buffer | string, pins: Set<string>, { durable = true } = {}): Promise<Blob> {
    const digest = digestOf(content);
    pins.add(digest);
    if (this.has(digest)) {
      if (!durable) return { digest, sizeBytes: this.sizeBytes(digest) };
      const file = await open(this.path(digest), 'r');
      await file.datasync().finally(() => file.close());
      await syncDirectories(this.#directory);
      return { digest, sizeBytes: this.sizeBytes(digest) };
    }
    const writer = await this.writer();
    try {
      await writer.write(Buffer.from(content));
      return await writer.commit(pins, digest, { durable });
    } finally {
      await writer.abandon();
    }
  }

  /** Those of the blobs that are there are on the disk when it resolves. */
  async sync(digests: readonly string[]): Promise<void> {
    const one = async (digest: string): Promise<void> => {
      try {
        const file = await open(this.path(digest), 'r');
        await file.datasync().finally(() => file.close());
      } catch (error) {
        ifThere(this.path(digest), error);
      }
    };
    for (let at = 0; at < digests.length; at += SYNCED_AT_ONCE)
      await Promise.all(digests.slice(at, at + SYNCED_AT_ONCE).map(one));
    if (digests.length > 0) await syncDirectories(this.#directory);
  }

  /** The same, when it returns. */
  syncNow(digests: readonly string[]): void {
    for (const digest of digests) {
      try {
        const file = openSync(this.path(digest), 'r');
        try {
          fdatasyncSync(file);
        } finally {
          closeSync(file);
        }
      } catch (error) {
        ifThere(this.path(digest), error);
      }
    }
    if (digests.length > 0) syncDirectory(this.#directory);
  }

  /** Copies a whole stream in. */
  async ingest(source: AsyncIterable<Buffer>, pins: Set<string>, options: { durable?: boolean } = {}): Promise<Blob> {
    const writer = await this.writer();
    try {
      for await (const chunk of source) await writer.write(chunk);
      return await writer.commit(pins, undefined, options);
    } finally {
      await writer.abandon();
    }
  }

  async writer(): Promise<BlobWriter> {
    const path = join(this.#temporary, randomBytes(12).toString('hex'));
    try {
      const file = await open(path, 'wx', 0o644);
      return new BlobWriter(file, path, (digest) => this.path(digest));
    } catch (error) {
      throw storageError('open', path, error);
    }
  }

  remove(digest: string): void {
    try {
      unlinkSync(this.path(digest));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }

  list(): string[] {
    return readdirSync(this.#directory)
      .map((name) => `sha256:${name}`)
      .filter((digest) => DIGEST_PATTERN.test(digest));
  }
}

/** Four threads do it: the disk's journal takes what comes together in one write. */
const SYNCED_AT_ONCE = 4;

function ifThere(path: string, error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw storageError('write', path, error);
}

/** One blob being written. `abandon` after `commit` does nothing: call it in a `finally`. */
export class BlobWriter {
  #file: FileHandle | undefined;
  readonly #path: string;
  readonly #finalPath: (digest: string) => string;
  #hash: Hash = createHash('sha256');
  #sizeBytes = 0;

  constructor(file: FileHandle, path: string, finalPath: (digest: string) => string) {
    this.#file = file;
    this.#path = path;
    this.#finalPath = finalPath;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(chunk: Buffer): Promise<void> {
    if (!this.#file) throw systemError('the blob is closed');
    this.#hash.update(chunk);
    let at = 0;
    while (at < chunk.length) {
      try {
        const { bytesWritten } = await this.#file.write(chunk, at);
        at += bytesWritten;
      } catch (error) {
        throw storageError('write', this.#path, error);
      }
    }
    this.#sizeBytes += chunk.length;
  }

  /** Starts over, for a download that cannot be resumed. */
  async restart(): Promise<void> {
    await this.#file?.truncate(0);
    await this.#file?.close();
    this.#file = await open(this.#path, 'w', 0o644);
    this.#hash = createHash('sha256');
    this.#sizeBytes = 0;
  }

  async commit(pins: Set<string>, expectedDigest?: string, options: { durable?: boolean } = {}): Promise<Blob> {
    const file = this.#file;
    if (!file) throw systemError('the blob is closed');
    const digest = `sha256:${this.#hash.digest('hex')}`;
    if (expectedDigest !== undefined && digest !== expectedDigest) {
      throw new LayerMismatchError(expectedDigest);
    }
    pins.add(digest);
    try {
      if (options.durable) await file.datasync();
      await file.close();
      this.#file = undefined;
      await rename(this.#path, this.#finalPath(digest));
      if (options.durable) await syncDirectories(dirname(this.#finalPath(digest)));
    } catch (error) {
      await unlink(this.#path).catch(() => {});
      throw storageError('write', this.#path, error);
    }
    return { digest, sizeBytes: this.#sizeBytes };
  }

  async abandon(): Promise<void> {
    const file = this.#file;
    if (!file) return;
    this.#file = undefined;
    await file.close().catch(() => {});
    await unlink(this.#path).catch(() => {});
  }
}
