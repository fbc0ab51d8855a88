/**
 * Links, addresses, routes and neighbours of one network namespace. Requests are synchronous and take effect when they
 * return; a refusal is a KernelError with the kernel's own words. Measured: a link looked up by name 8 us, an address
 * or route
 * 10-15 us, a veth pair with its peer in another namespace 0.5 ms and a link deleted 15-25 ms (both the kernel's own time:
 * it waits for its readers; interface-reaper.ts does that aside), where an `ip` process takes 2-3 ms for each.
 */
import { isKernelError } from '../errors.ts';
import * as address from './address-codec.ts';
import * as addressRequests from './address-requests.ts';
import * as link from './link-codec.ts';
import * as linkRequests from './link-requests.ts';
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from './message.ts';
import { RouteChannel, RTEXT_FILTER_SKIP_STATS } from './route-channel.ts';
import * as routeRequests from './route-requests.ts';

export type { AddressInfo } from './address-codec.ts';
export { RT_TABLE_MAIN } from './route-requests.ts';
export type { IpvlanFlag, IpvlanMode, LinkInfo, LinkStatistics, MacvlanMode } from './link-codec.ts';

export class RouteSocket {
  readonly #channel: RouteChannel;

  private constructor(channel: RouteChannel) {
    this.#channel = channel;
  }

  /** Opens in the namespace at the path and belongs to it from then on, whatever happens to the path. */
  static open(netns?: string): RouteSocket {
    return new RouteSocket(new RouteChannel(netns));
  }

  close(): void {
    this.#channel.socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The socket's netlink address: a RouteMonitor can tell by it that a change was made through this socket. */
  get portId(): number {
    return this.#channel.socket.portId;
  }

  /**
   * Sends the requests that `work` makes together: one system call for up to 64. Each takes effect on its own and in
   * order; those after a refused one are carried out too, and the first refusal is thrown at the end. Reading something
   * (also: naming a link as master, parent or target of an address) first sends what is waiting.
   */
  batch(work: () => void): void {
    this.#channel.batch(work);
  }

  // ---- links

  links(): link.LinkInfo[] {
    return linkRequests.listLinks(this.#channel);
  }

  /** Undefined if there is none of that name (or index) here. */
  link(name: string | number): link.LinkInfo | undefined {
    let found: link.LinkInfo | undefined;
    this.#channel.getLink(name, RTEXT_FILTER_SKIP_STATS, (payload) => (found = link.parseInterface(payload)));
    return found;
  }

  /** Counters of a link, as the link sees them. No such link: KernelError ENODEV. */
  statistics(name: string): link.LinkStatistics {
    return linkRequests.readStatistics(this.#channel, name);
  }

  addBridge(name: string, options: linkRequests.BridgeOptions = {}): void {
    linkRequests.addBridge(this.#channel, name, options);
  }

  /** Both ends in one request; the peer is created in its namespace, so it is never visible here. */
  addVeth(options: linkRequests.VethOptions): void {
    linkRequests.addVeth(this.#channel, options);
  }

  /** A kernel without the kind (also of the next two): KernelError EOPNOTSUPP. */
  addMacvlan(options: linkRequests.ChildLink & { mode: link.MacvlanMode }): void {
    const { mode } = options;
    linkRequests.addChild(this.#channel, 'macvlan', options, (writer) =>
      writer.attributeU32(1, link.macvlanModes[mode]),
    );
  }

  addIpvlan(options: linkRequests.ChildLink & { mode: link.IpvlanMode; flag?: link.IpvlanFlag }): void {
    const { mode, flag } = options;
    linkRequests.addChild(this.#channel, 'ipvlan', options, (writer) => {
      writer.attributeU16(1, link.ipvlanModes[mode]);
      if (flag !== undefined) writer.attributeU16(2, link.ipvlanFlags[flag]);
    });
  }

  addVlan(options: linkRequests.ChildLink & { vlanId: number }): void {
    linkRequests.addChild(this.#channel, 'vlan', options, (writer) => writer.attributeU16(1, options.vlanId));
  }

  addVxlan(options: linkRequests.VxlanOptions): void {
    linkRequests.addVxlan(this.#channel, options);
  }

  /** Changes a link; what is not named stays. No such link: KernelError ENODEV. */
  setLink(name: string, change: linkRequests.LinkChange): void {
    linkRequests.setLink(this.#channel, name, change);
  }

  /** No such link: KernelError ENODEV. A veth takes its peer along. Waits 15-25 ms. */
  deleteLink(name: string): void {
    linkRequests.deleteLink(this.#channel, name);
  }

  // ---- addresses

  addresses(linkName?: string): address.AddressInfo[] {
    return addressRequests.listAddresses(this.#channel, linkName);
  }

  /** There already: KernelError EEXIST, unless `replace`. */
  addAddress(linkName: string, cidr: string, options: addressRequests.AddressOptions = {}): void {
    const flags = NLM_F_CREATE | (options.replace ? NLM_F_REPLACE : NLM_F_EXCL);
    const operation = `add address ${cidr} to ${linkName}`;
    addressRequests.requestAddress(this.#channel, {
      operation,
      type: address.RTM_NEWADDR,
      flags,
      link: linkName,
      cidr,
      options,
    });
  }

  /** Not there: KernelError EADDRNOTAVAIL. */
  deleteAddress(linkName: string, cidr: string): void {
    const operation = `delete address ${cidr} from ${linkName}`;
    addressRequests.requestAddress(this.#channel, {
      operation,
      type: address.RTM_DELADDR,
      flags: 0,
      link: linkName,
      cidr,
      options: {},
    });
  }

  // ---- routes

  /** Default: the main table of both versions. */
  routes(filter: routeRequests.RouteFilter = {}): address.RouteInfo[] {
    return routeRequests.listRoutes(this.#channel, filter);
  }

  /** There already: KernelError EEXIST. */
  addRoute(route: routeRequests.Route): void {
    routeRequests.requestRoute(this.#channel, {
      verb: 'add',
      type: address.RTM_NEWROUTE,
      flags: NLM_F_CREATE | NLM_F_EXCL,
      route,
    });
  }

  /** Makes it, or changes the one with the same destination, metric and table. */
  replaceRoute(route: routeRequests.Route): void {
    routeRequests.requestRoute(this.#channel, {
      verb: 'replace',
      type: address.RTM_NEWROUTE,
      flags: NLM_F_CREATE | NLM_F_REPLACE,
      route,
    });
  }

  /** Not there: KernelError ESRCH. */
  deleteRoute(route: routeRequests.Route): void {
    routeRequests.requestRoute(this.#channel, { verb: 'delete', type: address.RTM_DELROUTE, flags: 0, route });
  }

  /**
   * The route that a packet to this address would take: one of this host's own, or `packet`. Or a KernelError
   * (ENETUNREACH, EHOSTUNREACH).
   */
  routeTo(destination: string, packet?: routeRequests.RouteQuestion): address.RouteInfo {
    return routeRequests.findRoute(this.#channel, destination, packet);
  }

  /** The same where it leads somewhere; undefined where such a packet is refused or dropped. */
  wayTo(destination: string, packet?: routeRequests.RouteQuestion): address.RouteInfo | undefined {
    try {
      const way = this.routeTo(destination, packet);
      return way.type === 'unicast' ? way : undefined;
    } catch (error) {
      if (isKernelError(error)) return undefined;
      throw error;
    }
  }

  // ---- neighbours

  neighbours(filter: addressRequests.NeighbourFilter = {}): address.NeighbourInfo[] {
    return addressRequests.listNeighbours(this.#channel, filter);
  }

  /** A permanent entry, made or changed. */
  setNeighbour(linkName: string, ip: string, mac: string): void {
    this.#neighbour(`set neighbour ${ip}`, address.RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, {
      link: linkName,
      ip,
      mac,
    });
  }

  /** Not there: KernelError ENOENT. */
  deleteNeighbour(linkName: string, ip: string): void {
    this.#neighbour(`delete neighbour ${ip}`, address.RTM_DELNEIGH, 0, { link: linkName, ip });
  }

  /**
   * A VXLAN link's remote for a MAC address ('00:00:00:00:00:00' = for all that are not known). There may be several.
   */
  addForwarding(linkName: string, mac: string, remote: string): void {
    const entry = { link: linkName, ip: remote, mac, family: addressRequests.AF_BRIDGE };
    this.#neighbour(`forward ${mac} to ${remote}`, address.RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND, entry);
  }

  deleteForwarding(linkName: string, mac: string, remote: string): void {
    const entry = { link: linkName, ip: remote, mac, family: addressRequests.AF_BRIDGE };
    this.#neighbour(`stop forwarding ${mac} to ${remote}`, address.RTM_DELNEIGH, 0, entry);
  }

  #neighbour(
    operation: string,
    type: number,
    flags: number,
    entry: { link: string; ip: string; mac?: string; family?: number },
  ): void {
    addressRequests.requestNeighbour(this.#channel, { operation, type, flags, ...entry });
  }
}
