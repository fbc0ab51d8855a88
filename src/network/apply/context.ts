/**
 * What executors work with: one netlink socket per namespace, opened at first use and kept for the operation; and what
 * runs concurrently with the operation, because the kernel takes long over it.
 */
import type { InterfaceReaper } from '../../kernel/netlink/interface-reaper.ts';
import { RouteSocket } from '../../kernel/netlink/route-socket.ts';
import { markOf } from '../interfaces/own-mark.ts';
import type { Firewall } from '../firewall/firewall.ts';
import type { AdoptedBridges } from './adopted-bridges.ts';
import type { Announcer } from './announcer.ts';
import type { StaleFlows } from './stale-flows.ts';

/** The ways into the host's kernel; they outlive every operation. */
export interface HostDoors {
  readonly route: RouteSocket;
  readonly firewall: Firewall;
  readonly reaper: InterfaceReaper;
  readonly staleFlows: StaleFlows;
  readonly announcer: Announcer;
  readonly adopted: AdoptedBridges;
  /** Of the data root, whose links carry its mark. */
  readonly id: string;
}

export class ApplyContext {
  readonly firewall: Firewall;
  readonly reaper: InterfaceReaper;
  readonly staleFlows: StaleFlows;
  readonly announcer: Announcer;
  readonly adopted: AdoptedBridges;
  readonly id: string;
  readonly mark: string;
  readonly #host: RouteSocket;
  readonly #sockets = new Map<string, RouteSocket>();
  #pending: Promise<void>[] = [];

  /** The doors stay the caller's: they are not closed here. */
  constructor(doors: HostDoors) {
    this.firewall = doors.firewall;
    this.reaper = doors.reaper;
    this.staleFlows = doors.staleFlows;
    this.announcer = doors.announcer;
    this.adopted = doors.adopted;
    this.id = doors.id;
    this.mark = markOf(doors.id);
    this.#host = doors.route;
  }

  /** The socket in a namespace; '' is the host's. */
  route(netns: string): RouteSocket {
    if (netns === '') return this.#host;
    let socket = this.#sockets.get(netns);
    if (!socket) this.#sockets.set(netns, (socket = RouteSocket.open(netns)));
    return socket;
  }

  /** Something that ends later; `settle` waits for it. */
  later(work: Promise<void>): void {
    work.catch(() => {}); // reported by settle
    this.#pending.push(work);
  }

  /** Waits for all that was begun, and returns what failed. */
  async settle(): Promise<unknown[]> {
    const results = await Promise.allSettled(this.#pending);
    this.#pending = [];
    return results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
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
