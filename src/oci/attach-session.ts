/** One client's view of a process's stdio: its share of the output, kept until it is read, and its way to stdin. */
export interface StdioFrame {
  readonly stream: 'stdout' | 'stderr';
  /** Shared between sessions: not to be written to. */
  readonly data: Buffer;
}

/** The same shape as the api's AttachSession. */
export interface RuntimeSession {
  readonly tty: boolean;
  readonly output: AsyncIterable<StdioFrame>;
  /**
   * Resolves when the chunk is on its way; await it before the next. A process that has ended: resolves, like a pipe
   * without a reader.
   */
  writeStdin(chunk: Buffer): Promise<void>;
  closeStdin(): Promise<void>;
  detach(): void;
}

/** What a session needs of its connection. */
export interface SessionConnection {
  write(chunk: Buffer): Promise<void>;
  endStdin(): Promise<void>;
  /** The session was full and has room again. */
  relieved(): void;
  leave(): void;
}

const QUEUE_LIMIT_BYTES = 1024 * 1024;
/** Two pipes of the largest size that any user may ask for, and what conmon and its socket hold. */
const LAST_WORDS_BYTES = 4 * 1024 * 1024;

export class AttachSession implements RuntimeSession {
  readonly tty: boolean;
  readonly output: AsyncIterable<StdioFrame>;
  readonly #connection: SessionConnection;
  #queue: StdioFrame[] = [];
  #queuedBytes = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(tty: boolean, connection: SessionConnection) {
    this.tty = tty;
    this.#connection = connection;
    this.output = { [Symbol.asyncIterator]: () => this.#frames() };
  }

  deliver(frame: StdioFrame): void {
    this.#queue.push(frame);
    this.#queuedBytes += frame.data.length;
    this.#wake?.();
  }

  /** It has as much unread output as it may. */
  get full(): boolean {
    return this.#queuedBytes >= QUEUE_LIMIT_BYTES;
  }

  /** It has more than what a process that has ended can have left in its pipes. */
  get overfull(): boolean {
    return this.#queuedBytes >= QUEUE_LIMIT_BYTES + LAST_WORDS_BYTES;
  }

  /** No more output comes; what is queued is still read. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *#frames(): AsyncGenerator<StdioFrame> {
    for (;;) {
      const frames = this.#queue;
      if (frames.length > 0) {
        this.#queue = [];
        yield* frames;
        // Only now, when the reader has had them all: one that is slow with them counts as full for so long.
        const relieved = this.full;
        this.#queuedBytes = this.#queue.reduce((sum, frame) => sum + frame.data.length, 0);
        if (relieved && !this.full) this.#connection.relieved();
        continue;
      }
      if (this.#ended) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }

  writeStdin(chunk: Buffer): Promise<void> {
    return this.#connection.write(chunk);
  }

  closeStdin(): Promise<void> {
    return this.#connection.endStdin();
  }

  detach(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.end();
    this.#connection.leave();
  }
}

/**
 * The session of a process whose end is reported by itself: its output ends when that is known too, as clients ask for
 * it then. Who detaches does not wait.
 */
export function endingWithRun(session: RuntimeSession, exited: Promise<void>): RuntimeSession {
  let leave!: () => void;
  const left = new Promise<void>((resolve) => (leave = resolve));
  const output = (async function* () {
    yield* session.output;
    await Promise.race([exited, left]);
  })();
  return {
    tty: session.tty,
    output,
    writeStdin: (chunk) => session.writeStdin(chunk),
    closeStdin: () => session.closeStdin(),
    detach: () => {
      leave();
      session.detach();
    },
  };
}
