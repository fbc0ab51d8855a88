/**
 * Connections whose TLS handshake has not come to its end. Nobody has shown a certificate yet, so anyone who reaches the
 * port can make any number of them: when there are more than a few hundred, the oldest one goes. A client that means it
 * is through in a few round trips.
 */
import type { Socket } from 'node:net';

export const MAX_HANDSHAKES = 512;

export class WaitingHandshakes {
  /** By the client's address and port: TLS takes the socket's handle and makes another socket of it. */
  readonly #sockets = new Map<string, Socket>();

  begin(socket: Socket): void {
    const name = peer(socket);
    this.#sockets.set(name, socket);
    socket.once('close', () => {
      if (this.#sockets.get(name) === socket) this.#sockets.delete(name);
    });
    if (this.#sockets.size <= MAX_HANDSHAKES) return;
    const [oldest] = this.#sockets;
    this.#sockets.delete(oldest![0]);
    oldest![1].destroy();
  }

  end(socket: Socket): void {
    this.#sockets.delete(peer(socket));
  }
}

const peer = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
