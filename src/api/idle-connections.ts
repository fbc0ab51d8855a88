/**
 * Connections without a pending request: those that keep the connection for later, and those that never send anything.
 * Any number of them would take the descriptors that everything else needs.
 */
import type { Socket } from 'node:net';

/** Where the caller does not say how many. */
export const MAX_IDLE = 4096;
/** dockerd's: how long the head of the first request may take. */
const FIRST_HEAD_MS = 5 * 60_000;

export class IdleConnections {
  /** In the order in which they became idle. */
  readonly #sockets = new Set<Socket>();
  readonly #max: number;

  /**
   * `max`: when there are more, the one that has been idle longest is closed. Active clients send their request at once,
   * and idle ones connect again.
   */
  constructor(max = MAX_IDLE) {
    this.#max = max;
  }

  /** One that has just come. */
  begin(socket: Socket): void {
    const late = setTimeout(() => socket.destroy(), FIRST_HEAD_MS).unref();
    this.#firstHeads.set(socket, late);
    socket.once('close', () => {
      clearTimeout(late);
      this.#sockets.delete(socket);
    });
    this.idle(socket);
  }

  readonly #firstHeads = new WeakMap<Socket, NodeJS.Timeout>();

  busy(socket: Socket): void {
    clearTimeout(this.#firstHeads.get(socket));
    this.#sockets.delete(socket);
  }

  idle(socket: Socket): void {
    if (socket.destroyed) return;
    this.#sockets.add(socket);
    if (this.#sockets.size <= this.#max) return;
    const [oldest] = this.#sockets;
    this.#sockets.delete(oldest!);
    oldest!.destroy();
  }
}
