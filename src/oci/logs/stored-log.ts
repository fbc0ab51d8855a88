/**
 * The log files of a container, written by what its pump takes from conmon's. Everything written follows from what was
 * read, so after a crash the pump reads on from an earlier place, and what is in the file already is made once more and
 * dropped: see `Place`.
 */
import type { Output } from './piece-encoders.ts';
import type { RotatedFile } from './rotated-file.ts';

/** How far a log had come: what had been written of it when that much had been read. */
export interface LogPlace {
  readonly inode: number;
  readonly size: number;
}

const BUFFER_BYTES = 256 * 1024;
/** Of all logs that are written in this thread: each is done with it before the next has its turn. */
let shared: Buffer | undefined;

export class StoredLog implements Output {
  readonly #file: RotatedFile;
  /** Bytes that are in the file already. */
  #known: number;
  buffer: Buffer = (shared ??= Buffer.allocUnsafe(BUFFER_BYTES));
  at = 0;
  /** It is time to rotate, before the next line: who writes stops in front of it. */
  full: boolean;

  constructor(file: RotatedFile, from: LogPlace | undefined) {
    this.#file = file;
    const actual = file.size;
    if (from !== undefined) file.size = from.inode === file.inode ? Math.min(from.size, actual) : 0;
    this.#known = actual - file.size;
    this.full = file.isFull;
  }

  get place(): LogPlace {
    return { inode: this.#file.inode, size: this.#file.size };
  }

  room(bytes: number): void {
    if (this.buffer.length - this.at < bytes) this.flush();
    // One piece can be that long only with a great many attributes.
    if (this.buffer.length < bytes) this.buffer = Buffer.allocUnsafe(bytes);
  }

  wrote(at: number): void {
    this.#file.size += at - this.at;
    this.at = at;
    if (this.#file.isFull) this.full = true;
  }

  /** @throws what the disk says: what was in the buffer has to be made again */
  flush(): void {
    const dropped = Math.min(this.#known, this.at);
    const end = this.at;
    this.at = 0;
    this.#known -= dropped;
    if (dropped < end) this.#file.append(this.buffer, dropped, end);
  }

  /** `keep` stores the place, before the file is rotated and after it. */
  rotate(keep: () => void): void {
    this.full = false;
    this.flush();
    // Where it has been written on after this: the next line asks again.
    if (this.#known > 0) return;
    keep();
    this.#file.rotate();
    keep();
  }

  close(): void {
    this.#file.close();
  }
}
