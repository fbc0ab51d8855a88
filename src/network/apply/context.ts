/** What executors work with: one netlink socket a namespace, opened at first use and kept for the operation. */
import { RouteSocket } from '../../kernel/netlink/route-socket.ts';
import type { Firewall } from '../firewall/firewall.ts';

export class ApplyContext {
  readonly firewall: Firewall;
  readonly #host: RouteSocket;
  readonly #sockets = new Map<string, RouteSocket>();

  /** `host` stays the caller's: it is not closed here. */
  constructor(options: { host: RouteSocket; firewall: Firewall }) {
    this.firewall = options.firewall;
    this.#host = options.host;
  }

  /** The socket in a namespace; '' is the host's. */
  route(netns: string): RouteSocket {
    if (netns === '') return this.#host;
    let socket = this.#sockets.get(netns);
    if (!socket) this.#sockets.set(netns, (socket = RouteSocket.open(netns)));
    return socket;
  }

  /** A socket keeps its namespace alive: it goes before the namespace does. */
  forget(netns: string): void {
    this.#sockets.get(netns)?.close();
    this.#sockets.delete(netns);
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }
}
