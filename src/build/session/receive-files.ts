/**
 * A directory of the client's comes into one of the builder's: the client tells of all its files, and is asked for the
 * content of those that are not there already, with the same size and time. What it no longer has goes.
 */
import { Readable } from 'node:stream';
import { errorMessage, invalid } from '../../base/errors.ts';
import { extractTar } from '../../image/extract-tar.ts';
import { padding, TAR_BLOCK } from '../../base/tar-headers.ts';
import { removeNamed } from '../../image/trees/context-files.ts';
import { listTree, type ListedEntry } from '../../image/trees/tree-listing.ts';
import type { FilePacket, FileStat, FileTransfer } from '../../model/build-client.ts';
import { checkStat, headerOf, isFile, permissionsOf, typeOf } from './file-entries.ts';

export interface ReceiveOptions {
  readonly signal: AbortSignal;
  /** Of all content; more is refused. Undefined: as much as there is room for. */
  readonly maxBytes?: number;
  /** How much has come so far. */
  readonly progress?: (bytes: number) => void;
}

const MAX_ENTRIES = 1_000_000;
/** All of them are in memory at once: a million of a usual length take less. */
const MAX_NAMES_BYTES = 128 * 1024 * 1024;
/** Asked for ahead of what is written: so much, and so many. */
const AHEAD_BYTES = 4 * 1024 * 1024;
const AHEAD_FILES = 64;

interface ToCome {
  readonly id: number;
  readonly stat: FileStat;
  readonly pieces: Buffer[];
  receivedBytes: number;
  isComplete: boolean;
}

/** @throws invalid for what is no honest directory; what the client failed with */
export async function receiveFiles(transfer: FileTransfer, directory: string, options: ReceiveOptions): Promise<void> {
  const packets = transfer.packets[Symbol.asyncIterator]();
  try {
    const receiver = new Receiver(transfer, packets, options);
    const before = await listTree(directory, options.signal);
    const changed = await receiver.stats(before);
    remove(directory, before);
    if (changed.length > 0) {
      const stream = Readable.from(receiver.archive(changed), { objectMode: false, highWaterMark: 256 * 1024 });
      try {
        const target = { view: { root: directory }, into: '/', owner: { uid: 0, gid: 0 }, keepTarget: true };
        await extractTar(stream, target, options.signal);
      } finally {
        stream.destroy();
      }
    }
    await receiver.finish();
  } catch (error) {
    await transfer.send({ packet: 'error', text: errorMessage(error) });
    throw error;
  } finally {
    transfer.cancel();
    void packets.return?.().catch(() => {});
  }
}

/** What is left of what was there: nobody has told of it. What is in a directory goes with it. */
function remove(directory: string, left: ReadonlyMap<string, ListedEntry>): void {
  for (const name of left.keys()) {
    const parent = name.slice(0, Math.max(0, name.lastIndexOf('/')));
    if (!left.has(parent)) removeNamed(directory, name);
  }
}

class Receiver {
  readonly #transfer: FileTransfer;
  readonly #packets: AsyncIterator<FilePacket>;
  readonly #options: ReceiveOptions;
  readonly #coming = new Map<number, ToCome>();
  #bytes = 0;

  constructor(transfer: FileTransfer, packets: AsyncIterator<FilePacket>, options: ReceiveOptions) {
    this.#transfer = transfer;
    this.#packets = packets;
    this.#options = options;
  }

  async #next(): Promise<FilePacket> {
    this.#options.signal.throwIfAborted();
    const next = await this.#packets.next();
    if (next.done) throw invalid('the client ended the transfer of its files');
    if (next.value.packet === 'error') throw invalid(`error from sender: ${next.value.text}`);
    return next.value;
  }

  /** What has to be made; takes from `before` what the client still has. */
  async stats(before: Map<string, ListedEntry>): Promise<ToCome[]> {
    const changed: ToCome[] = [];
    let totalBytes = 0;
    let names = 0;
    for (let id = 0; ; id++) {
      const next = await this.#next();
      if (next.packet === 'statsEnd') return changed;
      if (next.packet !== 'stat') throw invalid('the client sends content that nobody asked for');
      if (id >= MAX_ENTRIES) throw invalid(`the build context has more than ${MAX_ENTRIES} files`);
      const { stat } = next;
      checkStat(stat);
      names += stat.path.length + stat.linkName.length;
      if (names > MAX_NAMES_BYTES) throw invalid('the names in the build context are too long in all');
      if (isFile(stat)) {
        if (stat.sizeBytes < 0) throw invalid('the client sends a file whose size is none');
        totalBytes += stat.sizeBytes;
        if (totalBytes > (this.#options.maxBytes ?? Infinity))
          throw invalid(`the client sends more than ${this.#options.maxBytes} bytes`);
      }
      const there = before.get(stat.path);
      before.delete(stat.path);
      if (typeOf(stat) === 's') continue;
      if (!there || !isSame(there, stat))
        changed.push({ id, stat, pieces: [], receivedBytes: 0, isComplete: !isFile(stat) });
    }
  }

  async *archive(entries: readonly ToCome[]): AsyncGenerator<Buffer> {
    let asked = 0;
    let aheadBytes = 0;
    let aheadFiles = 0;
    for (const [i, entry] of entries.entries()) {
      // Small files are asked for ahead; a large one when it is its turn.
      for (; asked < entries.length; asked++) {
        const { id, stat, isComplete } = entries[asked]!;
        if (isComplete) continue;
        const fits = aheadFiles < AHEAD_FILES && aheadBytes + stat.sizeBytes <= AHEAD_BYTES;
        if (asked > i && !fits) break;
        this.#coming.set(id, entries[asked]!);
        aheadBytes += stat.sizeBytes;
        aheadFiles++;
        await this.#transfer.send({ packet: 'request', id });
      }
      yield headerOf(entry.stat);
      if (!isFile(entry.stat)) continue;
      yield* this.#content(entry);
      aheadBytes -= entry.stat.sizeBytes;
      aheadFiles--;
    }
    yield Buffer.alloc(2 * TAR_BLOCK);
  }

  /** As long as was told; what is missing are zeros, as `tar` has it. */
  async *#content(entry: ToCome): AsyncGenerator<Buffer> {
    let left = entry.stat.sizeBytes;
    for (;;) {
      const piece = entry.pieces.shift();
      if (piece) {
        left -= piece.length;
        yield piece;
      } else if (entry.isComplete) break;
      else this.#take(await this.#next());
    }
    this.#coming.delete(entry.id);
    for (; left > 0; left -= Math.min(left, ZEROS.length)) yield ZEROS.subarray(0, left);
    yield padding(entry.stat.sizeBytes);
  }

  #take(next: FilePacket): void {
    if (next.packet !== 'data') throw invalid('the client sends something else than what it was asked for');
    const entry = this.#coming.get(next.id);
    if (!entry || entry.isComplete) throw invalid(`invalid file request ${next.id}`);
    if (next.data.length === 0) {
      entry.isComplete = true;
      return;
    }
    // What was added to it since it was told of is left out.
    const wanted = next.data.subarray(0, entry.stat.sizeBytes - entry.receivedBytes);
    entry.receivedBytes += wanted.length;
    this.#bytes += wanted.length;
    this.#options.progress?.(this.#bytes);
    if (wanted.length > 0) entry.pieces.push(Buffer.from(wanted));
  }

  async finish(): Promise<void> {
    await this.#transfer.send({ packet: 'end' });
    while ((await this.#next()).packet !== 'end');
    this.#transfer.end();
    while (!(await this.#packets.next()).done);
  }
}

const ZEROS = Buffer.alloc(64 * 1024);

function isSame(there: ListedEntry, stat: FileStat): boolean {
  const type = typeOf(stat);
  if (type === '2') return there.type === '2' && there.linkTarget === stat.linkName;
  if (type === '5') return there.type === '5' && there.permissions === permissionsOf(stat);
  // Another name of a file has all in common with it.
  if (type !== '0' && type !== '1') return false;
  return (
    there.type === '0' &&
    there.permissions === permissionsOf(stat) &&
    there.sizeBytes === stat.sizeBytes &&
    there.mtimeNs === stat.modTimeNs
  );
}
