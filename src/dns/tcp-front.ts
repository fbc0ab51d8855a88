/**
 * DNS over TCP for one container: messages behind a length of two bytes, many on one connection, answered as the answers
 * come (RFC 7766). Silent connections are closed, a reader who does not read is not read from, and a container that
 * opens connections without end loses its oldest.
 */
import { createServer, type Server, type Socket } from 'node:net';

const IDLE_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 256;
const MAX_UNSENT_BYTES = 1 << 20;

/** Calls `reply` once, now or later; with no bytes if there is nothing to say. */
export type AnswerTcp = (query: Buffer, reply: (answer: Buffer) => void) => void;

export class TcpFront {
  readonly #server: Server;
  /** Each with what ends it when nothing is owed on it any more. */
  readonly #connections = new Map<Socket, () => void>();
  readonly #answer: AnswerTcp;

  /** Takes over the listening descriptor. */
  constructor(fd: number, answer: AnswerTcp, failed: (error: Error) => void) {
    this.#answer = answer;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
    this.#server.on('error', failed);
    this.#server.listen({ fd });
  }

  /** The listening descriptor. */
  get fd(): number {
    return (this.#server as unknown as { _handle?: { fd: number } })._handle?.fd ?? -1;
  }

  /** Accepts nothing more; resolves when every connection has ended. */
  drain(): Promise<void> {
    for (const finish of this.#connections.values()) finish();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** Closes the listener and every connection before it returns. */
  close(): void {
    this.#server.close();
    for (const socket of this.#connections.keys()) socket.destroy();
    this.#connections.clear();
  }

  #serve(socket: Socket): void {
    if (this.#connections.size >= MAX_CONNECTIONS) {
      for (const oldest of this.#connections.keys()) {
        oldest.destroy();
        this.#connections.delete(oldest);
        break;
      }
    }
    let waiting: Buffer = Buffer.alloc(0);
    let unanswered = 0;
    let ended = false;
    const finish = (): void => {
      ended = true;
      if (unanswered === 0) socket.end();
    };
    this.#connections.set(socket, finish);
    socket.setNoDelay(true);
    socket.setTimeout(IDLE_TIMEOUT_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#connections.delete(socket));
    const reply = (answer: Buffer): void => {
      if (socket.destroyed) return;
      const length = Buffer.allocUnsafe(2);
      length.writeUInt16BE(answer.length, 0);
      socket.cork();
      socket.write(length);
      socket.write(answer);
      process.nextTick(() => socket.uncork());
      if (socket.writableLength > MAX_UNSENT_BYTES && !socket.isPaused()) {
        socket.pause();
        socket.once('drain', () => socket.resume());
      }
    };
    socket.on('data', (chunk: Buffer) => {
      waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
      while (waiting.length >= 2) {
        const length = waiting.readUInt16BE(0);
        if (waiting.length < 2 + length) break;
        const query = waiting.subarray(2, 2 + length);
        waiting = waiting.subarray(2 + length);
        unanswered += 1;
        let once = false;
        this.#answer(query, (answer) => {
          if (once) return;
          once = true;
          unanswered -= 1;
          if (answer.length > 0) reply(answer);
          if (ended && unanswered === 0) socket.end();
        });
      }
    });
    // A client may close its side and still wait for answers.
    socket.on('end', finish);
  }
}
