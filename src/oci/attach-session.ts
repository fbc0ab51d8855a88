/**
 * A live connection to the stdio of a process, over conmon's SEQPACKET socket. What it promises: every byte that the
 * process writes after the connection stands is delivered, in order, before `output` ends; stdin arrives whole.
 *
 * conmon writes to each connection in turn and waits while one is full (its socket's buffer, about 200 KB), so a reader
 * that stops holds the process up once a megabyte has piled up here, as it does with Docker; nothing is dropped, and
 * detach() sets the process free. Packets carry one byte in front: 2 is stdout, 3 stderr.
 */
import { FdWatch } from '../kernel/fd-watch.ts';
import { closeFd, recvPacket, sendPacket } from '../kernel/socket.ts';
import { duplicateFd } from '../kernel/descriptors.ts';
import { shutdownSocket } from '../kernel/spawn.ts';
import { isKernelError } from '../kernel/errors.ts';

export interface StdioFrame {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
}

/** The same shape as the api's AttachSession. */
export interface RuntimeSession {
  readonly tty: boolean;
  readonly output: AsyncIterable<StdioFrame>;
  /** Resolves when the chunk is on its way; await it before the next. A process that has ended: resolves, as a pipe that nobody reads. */
  writeStdin(chunk: Buffer): Promise<void>;
  closeStdin(): Promise<void>;
  detach(): void;
}

const STDERR = 3;
// conmon's own buffer is 32 KiB and in some versions a byte less: half of it is safe with all.
const STDIN_PACKET_BYTES = 16 * 1024;
const QUEUE_LIMIT_BYTES = 1024 * 1024;

// One buffer for all sessions, for what one turn of the loop receives; data is copied out of it. conmon's packets are at
// most 8 KiB and the byte in front. Byte 0 is there to be overwritten and put back.
const received = Buffer.allocUnsafeSlow(128 * 1024);
const PACKET_ROOM_BYTES = 32 * 1024;

export interface SessionOptions {
  readonly tty: boolean;
  /**
   * conmon closes the process's stdin when a connection goes. One that only listens must then not close before the process
   * ends: detach() makes it deaf and hands over what closes it in the end.
   */
  readonly linger?: (close: () => void) => void;
}

export class AttachSession implements RuntimeSession {
  readonly tty: boolean;
  readonly output: AsyncIterable<StdioFrame>;
  readonly #fd: number;
  readonly #watch: FdWatch;
  readonly #linger: ((close: () => void) => void) | undefined;
  #queue: StdioFrame[] = [];
  #queuedBytes = 0;
  #wake: (() => void) | undefined;
  #state: 'open' | 'lingering' | 'closed' = 'open';
  #ended = false;
  #sending: Promise<void> = Promise.resolve();
  #cancelSend: (() => void) | undefined;

  /** Takes the connected socket over. */
  constructor(fd: number, options: SessionOptions) {
    this.tty = options.tty;
    this.#fd = fd;
    this.#linger = options.linger;
    this.#watch = new FdWatch(fd, { readable: true }, () => this.#receive());
    this.output = { [Symbol.asyncIterator]: () => this.#frames() };
  }

  // Packets are received end to end, so that a run of one stream becomes one frame: each next packet's first byte falls on the
  // last byte of the data before it, which is put back.
  #receive(): void {
    let runStart = 1;
    let end = 1;
    let runStream = 0;
    const finishRun = () => {
      if (end > runStart) {
        const data = Buffer.from(received.subarray(runStart, end));
        this.#queue.push({ stream: runStream === STDERR ? 'stderr' : 'stdout', data });
        this.#queuedBytes += data.length;
      }
      runStart = end;
    };
    let over = false;
    while (received.length - end >= PACKET_ROOM_BYTES) {
      const before = received[end - 1]!;
      const size = this.#receivePacket(received.subarray(end - 1));
      const stream = received[end - 1]!;
      received[end - 1] = before;
      if (size === undefined) break;
      if (size === 0) {
        over = true;
        break;
      }
      if (stream !== runStream) finishRun();
      runStream = stream;
      end += size - 1;
    }
    finishRun();
    if (over) this.#end();
    else if (this.#queuedBytes >= QUEUE_LIMIT_BYTES) this.#watch.watch({});
    this.#wake?.();
  }

  #receivePacket(buffer: Buffer): number | undefined {
    try {
      return recvPacket(this.#fd, buffer);
    } catch (error) {
      if (isKernelError(error)) return 0; // conmon was killed: ECONNRESET
      throw error;
    }
  }

  #end(): void {
    this.#ended = true;
    this.#close();
  }

  #close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#cancelSend?.();
    this.#watch.close();
    closeFd(this.#fd);
  }

  async *#frames(): AsyncGenerator<StdioFrame> {
    for (;;) {
      const frames = this.#queue;
      if (frames.length > 0) {
        this.#queue = [];
        if (this.#queuedBytes >= QUEUE_LIMIT_BYTES && this.#state === 'open') this.#watch.watch({ readable: true });
        this.#queuedBytes = 0;
        yield* frames;
        continue;
      }
      if (this.#ended || this.#state !== 'open') return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }

  writeStdin(chunk: Buffer): Promise<void> {
    // One after the other even where a caller does not wait: a packet may not overtake another.
    this.#sending = this.#sending.then(() => this.#send(chunk));
    return this.#sending;
  }

  async #send(chunk: Buffer): Promise<void> {
    for (let offset = 0; offset < chunk.length && this.#state === 'open'; offset += STDIN_PACKET_BYTES) {
      const part = chunk.subarray(offset, offset + STDIN_PACKET_BYTES);
      try {
        while (this.#state === 'open' && !sendPacket(this.#fd, part)) await this.#writable();
      } catch (error) {
        if (isKernelError(error, 'EPIPE', 'ECONNRESET', 'ENOTCONN')) return;
        throw error;
      }
    }
  }

  // The reading watch occupies the descriptor: a duplicate is watched for room. Rare, only when the process does not read.
  #writable(): Promise<void> {
    return new Promise((resolve) => {
      const copy = duplicateFd(this.#fd);
      const done = () => {
        this.#cancelSend = undefined;
        watch.close();
        closeFd(copy);
        resolve();
      };
      const watch = new FdWatch(copy, { writable: true }, done);
      this.#cancelSend = done;
    });
  }

  closeStdin(): Promise<void> {
    this.#sending = this.#sending.then(() => {
      if (this.#state === 'open') shutdownSocket(this.#fd, 'write');
    });
    return this.#sending;
  }

  detach(): void {
    if (this.#state !== 'open') return;
    if (this.#linger) {
      this.#state = 'lingering';
      this.#cancelSend?.();
      this.#watch.close();
      shutdownSocket(this.#fd, 'read'); // conmon stops writing to us, and does not take us for gone
      this.#linger(() => this.#close());
    } else {
      this.#close();
    }
    this.#queue = [];
    this.#wake?.();
  }
}
