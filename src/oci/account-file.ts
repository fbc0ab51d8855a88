/**
 * The records of a container's /etc/passwd or /etc/group. The files are the container's: they may be of any length and
 * change while they are read. A short one is read in one piece; of a longer one each piece is a turn of the event loop
 * of its own, so that no other work waits, and excessive size is refused.
 */
import { closeSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { errorCode, systemError, type CausewayError } from '../base/errors.ts';
import { openRegularFile, whenNotLeased } from '../kernel/regular-file.ts';

/** A directory service of 150,000 people comes to this. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** A group with 100,000 members. */
const MAX_LINE_BYTES = 1024 * 1024;
const PIECE_BYTES = 64 * 1024;

/** What `eachRecord` calls: true ends the reading. */
export type TakeRecord = (fields: readonly string[]) => boolean;

export interface AccountFile {
  readonly rootfs: string;
  readonly path: '/etc/passwd' | '/etc/group';
  /** Whose it is, for the error. */
  readonly container: string;
}

/**
 * Shows the fields of each line. A file that is not there, or no regular file, has none. Kind `system` beyond the
 * bounds.
 */
export async function eachRecord(file: AccountFile, take: TakeRecord): Promise<void> {
  const opened = await whenNotLeased(`${file.path} of container ${file.container}`, () =>
    openRegularFile(file.rootfs, file.path),
  );
  if (opened === undefined) return;
  const { fd, stats } = opened;
  try {
    if (stats.size > MAX_FILE_BYTES)
      throw tooLong(file, `is ${stats.size} bytes long`, `${MAX_FILE_BYTES} bytes are read`);
    const lines = new LineCutter(file, take);
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    // The usual file is one piece, from memory: no turn of the loop is spent on it.
    for (let size = readNow(fd, piece), total = size; size > 0 && !lines.enough; total += size) {
      if (total > MAX_FILE_BYTES)
        throw tooLong(file, `has more than ${MAX_FILE_BYTES} bytes`, `${MAX_FILE_BYTES} are read`);
      lines.push(piece.subarray(0, size));
      size = total < stats.size || size === PIECE_BYTES ? await readLater(fd, piece) : 0;
    }
    lines.end();
  } finally {
    closeSync(fd);
  }
}

function tooLong({ path, container }: AccountFile, what: string, bound: string): CausewayError {
  return systemError(
    `${path} of container ${container} ${what}: at most ${bound}; make it shorter to look up users in it`,
  );
}

const readAsync = promisify(read);

function readNow(fd: number, piece: Buffer): number {
  try {
    return readSync(fd, piece, 0, piece.length, null);
  } catch (error) {
    if (errorCode(error) === 'EAGAIN') return 0; // a file of the kernel's that would have to be waited for
    throw error;
  }
}

async function readLater(fd: number, piece: Buffer): Promise<number> {
  try {
    return (await readAsync(fd, piece, 0, piece.length, null)).bytesRead;
  } catch (error) {
    if (errorCode(error) === 'EAGAIN') return 0;
    throw error;
  }
}

class LineCutter {
  enough = false;
  readonly #file: AccountFile;
  readonly #take: TakeRecord;
  #rest: Buffer = Buffer.alloc(0); // of a line whose end has not come

  constructor(file: AccountFile, take: TakeRecord) {
    this.#file = file;
    this.#take = take;
  }

  push(piece: Buffer): void {
    const end = piece.lastIndexOf(10) + 1;
    if (end > 0) {
      this.#lines(Buffer.concat([this.#rest, piece.subarray(0, end)]));
      this.#rest = Buffer.from(piece.subarray(end));
      return;
    }
    this.#rest = Buffer.concat([this.#rest, piece]);
    if (this.#rest.length > MAX_LINE_BYTES)
      throw tooLong(
        this.#file,
        `has a line of more than ${MAX_LINE_BYTES} bytes`,
        `${MAX_LINE_BYTES} of a line are read`,
      );
  }

  end(): void {
    if (!this.enough) this.#lines(this.#rest);
  }

  #lines(text: Buffer): void {
    for (const line of text.toString().split('\n')) {
      const trimmed = line.trim();
      if (trimmed === '' || trimmed.startsWith('#') || !trimmed.includes(':')) continue;
      if (this.#take(trimmed.split(':'))) {
        this.enough = true;
        return;
      }
    }
  }
}
