/**
 * Notifications of a namespace's links, addresses and routes, as the kernel sends them: no polling, and at rest no
 * memory beyond a socket. Drift is noticed here; what to do about it is decided elsewhere.
 */
import type { FdWatch } from '../fd-watch.ts';
import * as address from './address-codec.ts';
import * as link from './link-codec.ts';
import { readAttributes, type NetlinkMessage } from './message.ts';
import { NETLINK_ROUTE, NetlinkSocket } from './netlink-socket.ts';

const groups = { link: [1], address: [5, 9], route: [7, 11], neighbour: [3], forwarding: [24, 25] } as const;
export type RouteTopic = keyof typeof groups;

/**
 * `portId` is the netlink address of the socket that made the change (RouteSocket.portId); 0 = the kernel or unknown.
 */
export type RouteNews =
  | { readonly type: 'link'; readonly removed: boolean; readonly link: link.LinkInfo; readonly portId: number }
  | {
      readonly type: 'address';
      readonly removed: boolean;
      readonly address: address.AddressInfo;
      readonly portId: number;
    }
  | { readonly type: 'route'; readonly removed: boolean; readonly route: address.RouteInfo; readonly portId: number }
  | {
      readonly type: 'neighbour';
      readonly removed: boolean;
      readonly neighbour: address.NeighbourInfo;
      readonly portId: number;
    }
  /** IP forwarding was switched, for one link or for all: link index -1. */
  | { readonly type: 'forwarding'; readonly version: 4 | 6; readonly linkIndex: number; readonly on: boolean }
  /** Notifications were lost (more than the socket could hold): compare everything. */
  | { readonly type: 'overrun' };

export interface RouteMonitorOptions {
  readonly netns?: string;
  readonly topics?: readonly RouteTopic[];
  /** What can wait while the event loop is busy; default 1 MiB. */
  readonly receiveBufferBytes?: number;
  /** Gets what came in one round of the event loop, in order. */
  readonly listener: (news: RouteNews[]) => void;
}

const RTM_NEWNETCONF = 80;
const NETCONFA_IFINDEX = 1;
const NETCONFA_FORWARDING = 2;

const RECEIVE_BUFFER_BYTES = 1024 * 1024; // 20 containers starting at once make some hundred messages

export class RouteMonitor {
  readonly #socket: NetlinkSocket;
  readonly #watch: FdWatch;

  private constructor(socket: NetlinkSocket, listener: (news: RouteNews[]) => void) {
    let news: RouteNews[] = [];
    this.#socket = socket;
    this.#watch = socket.listen(
      'receive network news',
      (message) => {
        const item = parseRouteNews(message);
        if (item) news.push(item);
      },
      (lost) => {
        const batch: RouteNews[] = lost ? [...news, { type: 'overrun' }] : news;
        news = [];
        if (batch.length > 0) listener(batch);
      },
    );
  }

  /** Listens from now on (default topics: link, address, route). Does not keep the process alive. */
  static open(options: RouteMonitorOptions): RouteMonitor {
    const topics = options.topics ?? ['link', 'address', 'route'];
    const socket = NetlinkSocket.open(NETLINK_ROUTE, {
      netns: options.netns,
      nonBlocking: true,
      groups: topics.flatMap((topic) => groups[topic]),
    });
    socket.setBuffers({ receiveBytes: options.receiveBufferBytes ?? RECEIVE_BUFFER_BYTES });
    return new RouteMonitor(socket, options.listener);
  }

  close(): void {
    this.#watch.close();
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Undefined for messages of other kinds, and for the bridge's own view of its ports. */
export function parseRouteNews(message: NetlinkMessage): RouteNews | undefined {
  const { type, payload, portId } = message;
  switch (type) {
    case link.RTM_NEWLINK:
    case link.RTM_DELLINK: {
      // Family AF_BRIDGE: a port joined or left; the plain message reports it too.
      const info = payload[0] === 0 ? link.parseInterface(payload) : undefined;
      return info && { type: 'link', removed: type === link.RTM_DELLINK, link: info, portId };
    }
    case address.RTM_NEWADDR:
    case address.RTM_DELADDR: {
      const info = address.parseAddress(payload);
      return info && { type: 'address', removed: type === address.RTM_DELADDR, address: info, portId };
    }
    case address.RTM_NEWROUTE:
    case address.RTM_DELROUTE: {
      const info = address.parseRoute(payload);
      return info && { type: 'route', removed: type === address.RTM_DELROUTE, route: info, portId };
    }
    case address.RTM_NEWNEIGH:
    case address.RTM_DELNEIGH: {
      const info = address.parseNeighbour(payload);
      return info && { type: 'neighbour', removed: type === address.RTM_DELNEIGH, neighbour: info, portId };
    }
    case RTM_NEWNETCONF: {
      const attributes = readAttributes(payload, 4);
      const index = attributes.get(NETCONFA_IFINDEX);
      const on = attributes.get(NETCONFA_FORWARDING);
      if (!index || !on || index.length < 4 || on.length < 4) return undefined;
      return {
        type: 'forwarding',
        version: payload[0] === 10 ? 6 : 4,
        linkIndex: index.readInt32LE(0),
        on: on.readInt32LE(0) !== 0,
      };
    }
    default:
      return undefined;
  }
}
