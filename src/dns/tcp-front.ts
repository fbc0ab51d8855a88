/**
 * DNS over TCP for one container: messages behind a length of two bytes, many on one connection, answered as the
 * answers come (RFC 7766). Its connections are served in turn, a few messages each, and the containers among each
 * other. Silent connections are closed, a client that does not read is not read from and in the end cut off, and a
 * container that opens connections without end loses its oldest.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { FrameReader } from './frames.ts';
import type { Party, Turns } from './turns.ts';

const IDLE_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 64;
const MAX_UNANSWERED = 64;
const MESSAGES_PER_STEP = 8;
/**
 * Not read from beyond the first; closed beyond the second, which takes answers of the largest size that were still
 * owed.
 */
const PAUSE_UNSENT_BYTES = 64 << 10;
const MAX_UNSENT_BYTES = 512 << 10;

/** Calls `reply` once, now or later; with no bytes if there is no answer. `query` is good until it returns. */
export type AnswerTcp = (query: Buffer, reply: (answer: Buffer) => void) => void;

interface Connection {
  readonly socket: Socket;
  readonly frames: FrameReader;
  unanswered: number;
  /** The client or this side ends the connection after the pending queries. */
  ended: boolean;
}

export class TcpFront implements Party {
  readonly #server: Server;
  /** The oldest first. */
  readonly #connections = new Set<Connection>();
  /** With a message that can be answered now, in the order of their turns. */
  readonly #ready = new Set<Connection>();
  readonly #answer: AnswerTcp;
  readonly #turns: Turns;
  #stepping = false;

  /** Takes over the listening descriptor. */
  constructor(fd: number, turns: Turns, answer: AnswerTcp, failed: (error: Error) => void) {
    this.#answer = answer;
    this.#turns = turns;
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
    for (const connection of this.#connections) finish(connection);
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** Closes the listener and every connection before it returns. */
  close(): void {
    this.#server.close();
    for (const connection of this.#connections) this.#drop(connection);
    this.#turns.forget(this);
  }

  /** Answers a few messages of one connection. */
  step(): boolean {
    const [connection] = this.#ready;
    if (connection === undefined) return false;
    this.#ready.delete(connection);
    this.#stepping = true;
    connection.socket.cork();
    for (let count = 0; count < MESSAGES_PER_STEP && this.#mayAnswer(connection); count++) this.#answerNext(connection);
    connection.socket.uncork();
    this.#goOn(connection);
    this.#stepping = false;
    return this.#ready.size > 0;
  }

  #answerNext(connection: Connection): void {
    const query = connection.frames.next();
    if (query === undefined) return;
    connection.unanswered += 1;
    let once = false;
    this.#answer(query, (answer) => {
      if (once) return;
      once = true;
      connection.unanswered -= 1;
      this.#reply(connection, answer);
    });
  }

  #serve(socket: Socket): void {
    if (this.#connections.size >= MAX_CONNECTIONS) {
      const [oldest] = this.#connections;
      if (oldest !== undefined) this.#drop(oldest);
    }
    const connection: Connection = { socket, frames: new FrameReader(), unanswered: 0, ended: false };
    this.#connections.add(connection);
    socket.setNoDelay(true);
    socket.setTimeout(IDLE_TIMEOUT_MS, () => this.#drop(connection));
    socket.on('error', () => this.#drop(connection));
    socket.on('close', () => this.#drop(connection));
    socket.on('drain', () => this.#goOn(connection));
    socket.on('data', (chunk: Buffer) => {
      connection.frames.push(chunk);
      this.#goOn(connection);
    });
    // A client may close its side and still wait for answers.
    socket.on('end', () => finish(connection));
  }

  /** What can be answered takes its turn; while something is left, nothing more is read. */
  #goOn(connection: Connection): void {
    const { socket, frames } = connection;
    if (socket.destroyed) return;
    if (this.#mayAnswer(connection)) {
      this.#ready.add(connection);
      if (!this.#stepping) this.#turns.wake(this);
    }
    if (frames.hasMessage || isFull(connection)) socket.pause();
    else socket.resume();
  }

  #mayAnswer(connection: Connection): boolean {
    return connection.frames.hasMessage && !isFull(connection) && !connection.socket.destroyed;
  }

  #reply(connection: Connection, answer: Buffer): void {
    const { socket } = connection;
    if (socket.destroyed) return;
    if (answer.length > 0) {
      const framed = Buffer.allocUnsafe(2 + answer.length);
      framed.writeUInt16BE(answer.length, 0);
      answer.copy(framed, 2);
      socket.write(framed);
      if (socket.writableLength > MAX_UNSENT_BYTES) return this.#drop(connection);
    }
    if (connection.ended) finish(connection);
    this.#goOn(connection);
  }

  #drop(connection: Connection): void {
    this.#connections.delete(connection);
    this.#ready.delete(connection);
    connection.socket.destroy();
  }
}

const isFull = ({ socket, unanswered }: Connection): boolean =>
  unanswered >= MAX_UNANSWERED || socket.writableLength > PAUSE_UNSENT_BYTES;

/** Ends the connection when nothing is owed on it any more. */
function finish(connection: Connection): void {
  connection.ended = true;
  if (connection.unanswered === 0 && !connection.frames.hasMessage) connection.socket.end();
}
