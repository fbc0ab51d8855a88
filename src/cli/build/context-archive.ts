/**
 * A directory as the tar archive of a build's context, made while it is sent: what is in memory is the names of the
 * directories on the way, and a piece of one file. As from Docker's client: sorted by name, all of root's, hard links as
 * such, without sockets.
 */
import { closeSync, readlinkSync, readSync } from 'node:fs';
import { formatTarHeader, padding, TAR_BLOCK, type TarHeader } from '../../base/tar-headers.ts';
import { deviceOf, entriesOf, openEntry, shortened, type Entry, type SentDirectory } from './context-entries.ts';

/** A file that is put in, or in place of the one of that name. */
interface AddedFile {
  readonly name: string;
  readonly content: Buffer;
}

interface ArchiveOptions extends SentDirectory {
  readonly added: readonly AddedFile[];
}

const PIECE_BYTES = 256 * 1024;

/** @throws StatusError that names the file that cannot be read */
export function* contextArchive(options: ArchiveOptions): Generator<Buffer> {
  const pieces = new Pieces();
  const added = new Map(options.added.map((file) => [file.name, file]));
  for (const entry of entriesOf(options)) {
    if (!added.has(entry.name)) yield* packed(entry, pieces);
  }
  for (const file of added.values()) yield* addedFile(file, pieces);
  yield* pieces.end();
}

/** Nothing but that file. */
export function* fileArchive(file: AddedFile): Generator<Buffer> {
  const pieces = new Pieces();
  yield* addedFile(file, pieces);
  yield* pieces.end();
}

function* addedFile({ name, content }: AddedFile, pieces: Pieces): Generator<Buffer> {
  const mtimeS = Math.floor(Date.now() / 1000);
  yield* pieces.add(header({ name, mode: 0o600, mtimeS, sizeBytes: content.length }));
  yield* pieces.add(content);
  yield* pieces.add(padding(content.length));
}

/** An entry in the archive, its content included. */
function* packed(entry: Entry, pieces: Pieces): Generator<Buffer> {
  const { path, archived, stats, linkTo } = entry;
  const plain = { name: archived, mode: stats.mode & 0o7777, mtimeS: Math.floor(stats.mtimeMs / 1000), sizeBytes: 0 };
  if (stats.isFile() && linkTo === undefined) return yield* packedFile(entry, pieces);
  if (stats.isDirectory()) return yield* pieces.add(header({ ...plain, name: `${archived}/`, type: '5' }));
  if (linkTo !== undefined) return yield* pieces.add(header({ ...plain, type: '1', linkName: linkTo }));
  if (stats.isFIFO()) return yield* pieces.add(header({ ...plain, type: '6' }));
  if (stats.isSymbolicLink()) {
    const linkName = readlinkSync(path, 'buffer').toString('latin1');
    return yield* pieces.add(header({ ...plain, type: '2', linkName }));
  }
  const type = stats.isBlockDevice() ? '4' : '3';
  return yield* pieces.add(header({ ...plain, type, ...deviceOf(stats.rdev) }));
}

function* packedFile(entry: Entry, pieces: Pieces): Generator<Buffer> {
  const { path, archived } = entry;
  const { fd, stats } = openEntry(entry);
  try {
    const mtimeS = Math.floor(stats.mtimeMs / 1000);
    yield* pieces.add(header({ name: archived, mode: stats.mode & 0o7777, mtimeS, sizeBytes: stats.size }));
    yield* pieces.read(fd, stats.size, path);
    yield* pieces.add(padding(stats.size));
  } finally {
    closeSync(fd);
  }
}

const header = (fields: Partial<TarHeader> & Pick<TarHeader, 'name' | 'mode' | 'mtimeS' | 'sizeBytes'>): Buffer =>
  formatTarHeader({
    uid: 0,
    gid: 0,
    type: '0',
    linkName: '',
    userName: '',
    groupName: '',
    deviceMajor: 0,
    deviceMinor: 0,
    ...fields,
  });

/** What is added comes out in pieces of one size: ten thousand small files are not thirty thousand writes. */
class Pieces {
  #piece = Buffer.allocUnsafe(PIECE_BYTES);
  #used = 0;

  *add(data: Buffer): Generator<Buffer> {
    for (let at = 0; at < data.length;) {
      const copied = data.copy(this.#piece, this.#used, at);
      at += copied;
      yield* this.#take(copied);
    }
  }

  /** So many bytes of a file. */
  *read(fd: number, sizeBytes: number, path: Buffer): Generator<Buffer> {
    for (let left = sizeBytes; left > 0;) {
      const room = Math.min(left, PIECE_BYTES - this.#used);
      const count = readSync(fd, this.#piece, this.#used, room, null);
      if (count === 0) throw shortened(path);
      left -= count;
      yield* this.#take(count);
    }
  }

  /** Of the archive. */
  *end(): Generator<Buffer> {
    yield* this.add(Buffer.alloc(2 * TAR_BLOCK));
    if (this.#used > 0) yield this.#piece.subarray(0, this.#used);
    this.#used = 0;
  }

  *#take(count: number): Generator<Buffer> {
    this.#used += count;
    if (this.#used < PIECE_BYTES) return;
    const full = this.#piece;
    // What was given away is not written to again.
    this.#piece = Buffer.allocUnsafe(PIECE_BYTES);
    this.#used = 0;
    yield full;
  }
}
