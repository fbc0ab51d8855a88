/**
 * A directory as the tar archive of a build's context, made while it is sent: what is in memory is the names of the
 * directories on the way, and a piece of one file. As from Docker's client: sorted by name, all of root's, hard links as
 * such, without sockets.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import type { Stats } from 'node:fs';
import type { IgnorePatterns, ParentMatches } from '../../base/ignore-patterns.ts';
import { formatTarHeader, padding, TAR_BLOCK, type TarHeader } from '../../base/tar-headers.ts';
import { StatusError } from '../command/status-error.ts';
import { goFileError } from '../container/variable-file.ts';

/** A file that is put in, or in place of the one of that name. */
interface AddedFile {
  readonly name: string;
  readonly content: Buffer;
}

interface ArchiveOptions {
  /** Absolute. */
  readonly directory: string;
  readonly patterns: IgnorePatterns;
  /** Sent although the patterns leave them out: the builder needs them, and drops them itself. */
  readonly kept: readonly string[];
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

interface Entry {
  /** As text, for patterns and messages. */
  readonly name: string;
  /** As the system has it: names need not be UTF-8. */
  readonly path: Buffer;
  readonly archived: string; // latin1
  readonly stats: Stats;
  readonly linkTo: string | undefined; // a name of the same file that came before
}

/** What is sent, directories before what is in them. */
function* entriesOf({ directory, patterns, kept }: ArchiveOptions): Generator<Entry> {
  const links = new Map<string, string>();
  /** Directories on the way that are left out: they come with what is kept below them, if there is anything. */
  const pending: Entry[] = [];
  const leadsToKept = (name: string) => kept.some((path) => path.startsWith(`${name}/`));
  function* walk(path: Buffer, archived: Buffer | undefined, parent: ParentMatches | undefined): Generator<Entry> {
    for (const one of namesIn(path)) {
      const inArchive = archived ? joined(archived, one) : one;
      const name = inArchive.toString();
      const { ignored, matches } = patterns.test(name, parent);
      const isLeftOut = ignored && !kept.includes(name);
      // Of what is left out nothing is asked of the system, unless there may be something below it.
      if (isLeftOut && !patterns.mayKeepBelow(name) && !leadsToKept(name)) continue;
      const below = joined(path, one);
      const stats = statsOf(below);
      if (!stats || stats.isSocket() || (isLeftOut && !stats.isDirectory())) continue;
      const entry = { name, path: below, archived: inArchive.toString('latin1'), stats };
      if (isLeftOut) pending.push({ ...entry, linkTo: undefined });
      else {
        yield* pending.splice(0);
        yield { ...entry, linkTo: firstName(links, stats, entry.archived) };
      }
      if (!stats.isDirectory()) continue;
      yield* walk(below, inArchive, matches);
      if (isLeftOut && pending.at(-1)?.name === name) pending.pop();
    }
  }
  yield* walk(Buffer.from(directory), undefined, undefined);
}

/** By name as Go sorts, byte by byte. */
function namesIn(path: Buffer): Buffer[] {
  try {
    return readdirSync(path, 'buffer').toSorted((a, b) => Buffer.compare(a, b));
  } catch (error) {
    throw failure(error, path, `can't stat '${path.toString()}'`, 'open');
  }
}

function statsOf(path: Buffer): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw failure(error, path, `can't stat '${path.toString()}'`, 'lstat');
  }
}

/** The name under which a file with several names came before. */
function firstName(links: Map<string, string>, stats: Stats, archived: string): string | undefined {
  if (!stats.isFile() || stats.nlink < 2) return undefined;
  const key = `${stats.dev}:${stats.ino}`;
  const first = links.get(key);
  if (first === undefined) links.set(key, archived);
  return first;
}

const SLASH = Buffer.from('/');
const joined = (directory: Buffer, name: Buffer): Buffer => Buffer.concat([directory, SLASH, name]);

function failure(error: unknown, path: Buffer, forbidden: string, call: string): StatusError {
  const isForbidden = ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
  return new StatusError(
    `error checking context: ${isForbidden ? forbidden : goFileError(error, call, path.toString())}`,
  );
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

function* packedFile({ path, archived }: Entry, pieces: Pieces): Generator<Buffer> {
  let fd: number;
  try {
    // What is put there meanwhile is neither followed nor waited for.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    throw failure(error, path, `no permission to read from '${path.toString()}'`, 'open');
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new StatusError(`${path.toString()} is replaced while it is read`);
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

/** As the C library takes device numbers apart. */
const deviceOf = (rdev: number): Pick<TarHeader, 'deviceMajor' | 'deviceMinor'> => ({
  deviceMajor: (Math.floor(rdev / 256) & 0xfff) + (Math.floor(rdev / 2 ** 44) << 12),
  deviceMinor: (rdev & 0xff) + (Math.floor(rdev / 2 ** 12) & 0xfff00),
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
      if (count === 0) throw new StatusError(`${path.toString()} has become shorter while it is read`);
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
