/**
 * The other end: one connection to a resolver. Every request is answered, fails, or is rejected when the connection
 * ends.
 */
import { connect, type Socket } from 'node:net';
import { unavailable } from '../base/errors.ts';
import { lineReader, type ControlReply, type ControlRequest, type ControlResults } from './control-protocol.ts';
import type { QueryListener } from './query-log.ts';

const LAST_LOOK_MS = 20;

export class ControlClient {
  readonly #socket: Socket;
  readonly #waiting = new Map<
    number,
    { resolve: (result: unknown) => void; reject: (error: Error) => void; timer: NodeJS.Timeout }
  >();
  readonly #closed: Promise<void>;
  #listener: QueryListener | undefined;
  #nextId = 1;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on(
      'data',
      lineReader((line) => this.#receive(JSON.parse(line) as ControlReply)),
    );
    socket.on('error', () => socket.destroy());
    this.#closed = new Promise((resolve) =>
      socket.on('close', () => {
        for (const { reject, timer } of this.#waiting.values()) {
          clearTimeout(timer);
          reject(unavailable('the resolver process has ended'));
        }
        this.#waiting.clear();
        resolve();
      }),
    );
  }

  /** Rejects with ENOENT or ECONNREFUSED if no resolver listens at the path. */
  static connect(path: string): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new ControlClient(socket));
      });
    });
  }

  /** Resolves when the connection has ended, from whichever side. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  get ended(): boolean {
    return this.#socket.destroyed;
  }

  request<R extends ControlRequest>(request: R, timeoutMs = 10_000): Promise<ControlResults[R['op']]> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(unavailable('the resolver process has ended'));
      const id = this.#nextId++;
      const giveUp = () => {
        this.#waiting.delete(id);
        reject(unavailable(`the resolver process did not answer '${request.op}' within ${timeoutMs} ms`));
      };
      // Timers come before the socket's turn: if this process was held up itself, the answer may wait there already.
      const late = () => (waiting.timer = setTimeout(giveUp, LAST_LOOK_MS));
      const waiting = { resolve: resolve as (result: unknown) => void, reject, timer: setTimeout(late, timeoutMs) };
      this.#waiting.set(id, waiting);
      this.#socket.write(`${JSON.stringify({ id, ...request })}\n`);
    });
  }

  /** Events of `follow` requests on this connection. */
  onQuery(listener: QueryListener): void {
    this.#listener = listener;
  }

  /** Lets the program end although the connection is open. */
  unref(): void {
    this.#socket.unref();
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(reply: ControlReply): void {
    if ('event' in reply) return this.#listener?.(reply.event);
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    this.#waiting.delete(reply.id);
    clearTimeout(waiting.timer);
    if ('error' in reply) waiting.reject(unavailable(reply.error));
    else waiting.resolve(reply.result);
  }
}
