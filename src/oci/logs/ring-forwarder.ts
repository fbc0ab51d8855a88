/**
 * mode=non-blocking, as Docker's ring: what a log server has not taken yet waits in memory, and while that is full, what
 * comes is dropped. The log of the engine itself goes on at once and has all of it.
 */
import type { ForwardedPiece, Forwarder } from './forwarder.ts';

/** Given to the server together: a failure gives up no more than these. */
const BATCH = 64;
/** What was dropped is said so often. */
const TELL_MS = 10_000;
/** After the container has ended, a server that takes nothing for so long gets nothing more. */
const END_MS = 10_000;
/** What a message that waits takes at least: an object, its time, its place in the list. */
const PIECE_BYTES = 256;
/** Of all containers together: the heap of their thread has a bound. */
const MAX_WAITING = 65_536;
let waitingInAll = 0;
const emptying = new Set<RingForwarder>();

/** Whether any whose container has ended still sends. */
export const isEmptying = (): boolean => emptying.size > 0;

const sizeOf = ({ text }: ForwardedPiece): number => Math.max(text.length, PIECE_BYTES);

export class RingForwarder implements Forwarder {
  readonly #to: Forwarder;
  readonly #maxBytes: number;
  readonly #warn: (reason: string) => void;
  #waiting: ForwardedPiece[] = [];
  #bytes = 0;
  #sending = false;
  #ended = false;
  #isClosed = false;
  #dropped = 0;
  #tell: NodeJS.Timeout | undefined;
  #end: NodeJS.Timeout | undefined;

  constructor(to: Forwarder, maxBytes: number, warn: (reason: string) => void) {
    this.#to = to;
    this.#maxBytes = maxBytes;
    this.#warn = warn;
  }

  /** Resolves at once. A piece that is larger than the whole buffer has its turn when the buffer is empty. */
  async send(pieces: readonly ForwardedPiece[]): Promise<void> {
    for (const piece of pieces) {
      const full = this.#bytes + sizeOf(piece) > this.#maxBytes || waitingInAll >= MAX_WAITING;
      if (this.#waiting.length > 0 && full) this.#drop();
      else {
        this.#waiting.push(piece);
        this.#bytes += sizeOf(piece);
        waitingInAll++;
      }
    }
    if (!this.#sending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    while (this.#waiting.length > 0) {
      const pieces = this.#waiting.splice(0, BATCH);
      // They have left the buffer, as in Docker, when the server is being given them.
      for (const piece of pieces) this.#bytes -= sizeOf(piece);
      waitingInAll -= pieces.length;
      await this.#to.send(pieces);
      if (this.#ended && !this.#isClosed) this.#waitForEnd();
    }
    this.#sending = false;
    if (this.#ended) this.close();
  }

  #waitForEnd(): void {
    clearTimeout(this.#end);
    this.#end = setTimeout(() => {
      this.#warn(
        `${this.#waiting.length} messages and those that were being sent are given up: their container has ended (mode=non-blocking)`,
      );
      this.close();
    }, END_MS).unref();
  }

  #drop(): void {
    this.#dropped++;
    if (this.#dropped > 1) return;
    this.#tell = setTimeout(() => this.#tellDropped(), TELL_MS).unref();
    this.#warn(`messages are dropped: the buffer of ${this.#maxBytes} bytes is full (mode=non-blocking)`);
  }

  #tellDropped(): void {
    clearTimeout(this.#tell);
    if (this.#dropped > 1)
      this.#warn(`${this.#dropped} messages were dropped: the buffer of ${this.#maxBytes} bytes was full`);
    this.#dropped = 0;
  }

  /** Nothing more comes: what waits is still sent. */
  end(): void {
    this.#ended = true;
    this.#tellDropped();
    if (!this.#sending) return this.close();
    emptying.add(this);
    this.#waitForEnd();
  }

  close(): void {
    clearTimeout(this.#tell);
    clearTimeout(this.#end);
    emptying.delete(this);
    if (this.#isClosed) return;
    this.#isClosed = true;
    waitingInAll -= this.#waiting.length;
    this.#waiting = [];
    this.#bytes = 0;
    this.#to.close();
  }
}
