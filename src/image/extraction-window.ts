/**
 * How an archive gets to the thread that extracts it: through one piece of memory that both see, used in a circle. The
 * small pieces in which a client sends it are put together there, and one message passes on what has gathered: a message
 * for each, with memory of its own, took more time than writing the files.
 */
import { Writable } from 'node:stream';
import type { ExtractionPiece } from './extraction-messages.ts';

/** Sent and not yet written, of one archive. */
export const WINDOW_BYTES = 1024 * 1024;
/** Passed on at once; less waits until the reader has done with what it has, or the loop has read what is there. */
const PIECE_BYTES = 256 * 1024;

/** Takes an archive; `pass` is called with each piece of `memory` that is the reader's, until `taken` gives it back. */
export class ExtractionWindow extends Writable {
  readonly memory = new SharedArrayBuffer(WINDOW_BYTES);
  readonly #bytes = new Uint8Array(this.memory);
  readonly #pass: (piece: ExtractionPiece) => void;
  #free = WINDOW_BYTES;
  #end = 0; // of what is filled
  #passed = 0; // of what the reader was told of
  #atReader = 0; // what it was told of and has not given back
  #flush: NodeJS.Immediate | undefined;
  #resume: (() => void) | undefined;

  constructor(pass: (piece: ExtractionPiece) => void) {
    super({ highWaterMark: PIECE_BYTES, decodeStrings: true });
    this.#pass = pass;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#free === 0) {
        this.#passOn();
        this.#resume = () => this._write(chunk.subarray(at), _encoding, done);
        return;
      }
      const size = Math.min(chunk.length - at, this.#free, WINDOW_BYTES - this.#end);
      this.#bytes.set(chunk.subarray(at, at + size), this.#end);
      at += size;
      this.#end += size;
      this.#free -= size;
      if (this.#end === WINDOW_BYTES || this.#end - this.#passed >= PIECE_BYTES) this.#passOn();
    }
    // A reader at work has no use for a message yet: more gathers meanwhile, and `taken` passes it on.
    if (this.#end > this.#passed && this.#atReader === 0) this.#flush ??= setImmediate(() => this.#passOn());
    done();
  }

  override _final(done: () => void): void {
    this.#passOn();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearImmediate(this.#flush);
    this.#resume = undefined;
    done(error);
  }

  /** The reader has done with as many of the oldest bytes. */
  taken(sizeBytes: number): void {
    this.#free += sizeBytes;
    this.#atReader -= sizeBytes;
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
    if (this.#atReader === 0 && !this.destroyed) this.#passOn();
  }

  #passOn(): void {
    clearImmediate(this.#flush);
    this.#flush = undefined;
    const [at, sizeBytes] = [this.#passed, this.#end - this.#passed];
    if (this.#end === WINDOW_BYTES) this.#end = 0;
    this.#passed = this.#end;
    if (sizeBytes === 0) return;
    this.#atReader += sizeBytes;
    this.#pass({ at, sizeBytes });
  }
}
