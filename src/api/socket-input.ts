/**
 * What a client sends on a hijacked connection, read only as fast as it is taken. Listening starts at once: the first
 * 'data' listener is what makes Node's HTTP parser let go of the socket (pausing it before that loses all input).
 */
import type { Socket } from 'node:net';

/** What a client sends, in the order in which it does; ends at the end of its half. */
export interface SessionInput extends AsyncIterable<Buffer> {
  /** Reads on and forgets. */
  discard(): void;
}

export class SocketInput implements SessionInput {
  readonly #socket: Socket;
  readonly #queue: Buffer[];
  #ended = false;
  #discarding = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket, early: readonly Buffer[]) {
    this.#socket = socket;
    this.#queue = [...early];
    this.#ended = socket.destroyed;
    socket.on('data', (chunk: Buffer) => {
      if (this.#discarding) return;
      this.#queue.push(chunk);
      socket.pause();
      this.#wake?.();
    });
    const end = () => {
      this.#ended = true;
      this.#wake?.();
    };
    socket.once('end', end);
    socket.once('close', end);
  }

  /** Reads on and forgets, so that the client's going is noticed and nothing unread resets the connection. */
  discard(): void {
    this.#discarding = true;
    this.#queue.length = 0;
    this.#ended = true;
    this.#wake?.();
    this.#socket.resume();
  }

  /** Ends at the client's half-close. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = this.#queue.shift();
      if (chunk) yield chunk;
      else if (this.#ended) return;
      else {
        const arrival = new Promise<void>((resolve) => (this.#wake = resolve));
        this.#socket.resume();
        await arrival;
        this.#wake = undefined;
      }
    }
  }
}
