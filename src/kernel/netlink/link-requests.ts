/** Requests about links: what each kind is made of, what can be changed, and how they are read. */
import { errnoNumber, isKernelError, KernelError } from '../errors.ts';
import { AF_INET6, ipBytes, macBytes } from '../socket-address.ts';
import * as link from './link-codec.ts';
import { NLM_F_CREATE, NLM_F_EXCL, readAttributes, type NetlinkWriter } from './message.ts';
import { RTEXT_FILTER_SKIP_STATS, type RouteChannel, type WriteContent } from './route-channel.ts';

const IFLA_AF_SPEC = 26;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;

export interface NewLink {
  readonly name: string;
  readonly mtu?: number;
  readonly mac?: string;
  /** Set up in the same request. */
  readonly up?: boolean;
}

export interface BridgeOptions extends Omit<NewLink, 'name'> {
  readonly alias?: string;
  /** IGMP/MLD snooping; the kernel's default is on. */
  readonly multicastSnooping?: boolean;
  /** Whether this bridge hands frames to iptables when br_netfilter is loaded; undefined leaves it to the sysctl. */
  readonly callIptables?: boolean;
  readonly vlanFiltering?: boolean;
  readonly stp?: boolean;
}

export interface VethOptions extends NewLink {
  /** Of the near end. */
  readonly alias?: string;
  readonly peerName: string;
  /** Path of the namespace where the peer is created; absent = in the same namespace. */
  readonly peerNetns?: string;
  readonly peerMac?: string;
  /** The bridge that the near end becomes a port of. */
  readonly master?: string;
  /** Of the near end; the kernel's default is 0. */
  readonly group?: number;
}

export interface ChildLink extends NewLink {
  readonly parent: string;
  /** Path of the namespace where it is created; the parent stays here. */
  readonly netns?: string;
}

export interface VxlanOptions extends NewLink {
  readonly vni: number;
  readonly port?: number;
  readonly local?: string;
  readonly remote?: string;
  readonly parent?: string;
  readonly learning?: boolean;
}

export interface LinkChange {
  readonly up?: boolean;
  /** The bridge to become a port of; null = of none. */
  readonly master?: string | null;
  readonly newName?: string;
  readonly mtu?: number;
  readonly mac?: string;
  readonly alias?: string;
  readonly group?: number;
  /** Path of the namespace to move to; after that it is no longer here. */
  readonly netns?: string;
  readonly promiscuous?: boolean;
  /** False: the kernel gives it no IPv6 address by itself, and so it sends nothing over IPv6. Before it is set up. */
  readonly ipv6LinkLocal?: false;
  /** A bridge: as in BridgeOptions. */
  readonly callIptables?: boolean;
  /** Bridge port: frames may leave where they came in. */
  readonly hairpin?: boolean;
  /** Bridge port: talks only to ports that are not isolated. */
  readonly isolated?: boolean;
  readonly learning?: boolean;
  readonly unicastFlood?: boolean;
  readonly neighbourSuppression?: boolean;
}

export function listLinks(channel: RouteChannel): link.LinkInfo[] {
  let links: link.LinkInfo[] = [];
  channel.dump({
    operation: 'list links',
    type: link.RTM_GETLINK,
    content: (writer) => {
      writer.raw(link.linkHeader());
      writer.attributeU32(link.IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    },
    visit: (type, payload) => {
      const info = type === link.RTM_NEWLINK ? link.parseInterface(payload) : undefined;
      if (info) links.push(info);
    },
    restart: () => (links = []),
  });
  return links;
}

export function readStatistics(channel: RouteChannel, name: string): link.LinkStatistics {
  let value: Buffer | undefined;
  channel.getLink(name, 0, (payload) => {
    const statistics = readAttributes(payload, 16).get(link.IFLA_STATS64);
    if (statistics) value = Buffer.from(statistics);
  });
  if (!value) throw new KernelError(`read statistics of ${name}`, errnoNumber('ENODEV'));
  return link.parseStatistics(value);
}

export function addBridge(channel: RouteChannel, name: string, options: BridgeOptions): void {
  createLink(channel, 'bridge', { name, ...options }, (writer) =>
    link.writeKind(writer, 'bridge', () => {
      const flag = (type: number, value: boolean | undefined) =>
        value !== undefined && writer.attributeU8(type, Number(value));
      flag(link.IFLA_BR_MCAST_SNOOPING, options.multicastSnooping);
      flag(link.IFLA_BR_VLAN_FILTERING, options.vlanFiltering);
      flag(link.IFLA_BR_NF_CALL_IPTABLES, options.callIptables);
      flag(link.IFLA_BR_NF_CALL_IP6TABLES, options.callIptables);
      if (options.stp !== undefined) writer.attributeU32(link.IFLA_BR_STP_STATE, Number(options.stp));
    }),
  );
  setAlias(channel, name, options.alias);
}

export function addVeth(channel: RouteChannel, options: VethOptions): void {
  const masterIndex = options.master === undefined ? 0 : channel.indexOf(options.master);
  const peerNetns = channel.openNetns(options.peerNetns);
  createLink(channel, 'veth', options, (writer) => {
    if (masterIndex) writer.attributeU32(link.IFLA_MASTER, masterIndex);
    if (options.group) writer.attributeU32(link.IFLA_GROUP, options.group);
    link.writeKind(writer, 'veth', () => {
      // The peer cannot be set up here: the kernel makes it first, and an end without the other one refuses.
      writer.nestAfter(link.VETH_INFO_PEER, link.linkHeader(), () => {
        writer.attributeString(link.IFLA_IFNAME, options.peerName);
        if (options.mtu !== undefined) writer.attributeU32(link.IFLA_MTU, options.mtu);
        if (options.peerMac !== undefined) writer.attribute(link.IFLA_ADDRESS, macBytes(options.peerMac));
        if (peerNetns !== undefined) writer.attributeU32(link.IFLA_NET_NS_FD, peerNetns);
      });
    });
  });
  setAlias(channel, options.name, options.alias);
}

/** macvlan, ipvlan, vlan: a link on top of another one. `data` writes what the kind wants to know. */
export function addChild(channel: RouteChannel, kind: string, options: ChildLink, data: WriteContent): void {
  const parentIndex = channel.indexOf(options.parent, `create ${kind} ${options.name}: parent ${options.parent}`);
  const netns = channel.openNetns(options.netns);
  createLink(channel, kind, options, (writer) => {
    writer.attributeU32(link.IFLA_LINK, parentIndex);
    if (netns !== undefined) writer.attributeU32(link.IFLA_NET_NS_FD, netns);
    link.writeKind(writer, kind, () => data(writer));
  });
}

export function addVxlan(channel: RouteChannel, options: VxlanOptions): void {
  const parentIndex = options.parent === undefined ? 0 : channel.indexOf(options.parent);
  const address = (writer: NetlinkWriter, text: string, v4: number, v6: number) => {
    const bytes = ipBytes(text);
    writer.attribute(bytes.length === 4 ? v4 : v6, bytes);
  };
  createLink(channel, 'vxlan', options, (writer) =>
    link.writeKind(writer, 'vxlan', () => {
      writer.attributeU32(link.IFLA_VXLAN_ID, options.vni);
      if (parentIndex) writer.attributeU32(link.IFLA_VXLAN_LINK, parentIndex);
      if (options.remote !== undefined) address(writer, options.remote, link.IFLA_VXLAN_GROUP, link.IFLA_VXLAN_GROUP6);
      if (options.local !== undefined) address(writer, options.local, link.IFLA_VXLAN_LOCAL, link.IFLA_VXLAN_LOCAL6);
      if (options.learning !== undefined) writer.attributeU8(link.IFLA_VXLAN_LEARNING, Number(options.learning));
      writer.attributeU16BE(link.IFLA_VXLAN_PORT, options.port ?? 4789);
    }),
  );
}

function withoutLinkLocal(channel: RouteChannel, name: string): void {
  try {
    channel.request(`change link ${name}: no IPv6 address`, link.RTM_NEWLINK, 0, (writer) => {
      writer.raw(link.linkHeader());
      writer.attributeString(link.IFLA_IFNAME, name);
      writer.nest(IFLA_AF_SPEC, () =>
        writer.nest(AF_INET6, () => writer.attributeU8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE)),
      );
    });
  } catch (error) {
    // It has no IPv6 at all: its MTU is below 1280, or the kernel has none.
    if (!isKernelError(error, 'EAFNOSUPPORT')) throw error;
  }
}

export function setLink(channel: RouteChannel, name: string, change: LinkChange): void {
  const masterIndex = typeof change.master === 'string' ? channel.indexOf(change.master) : 0;
  // IFLA_IFNAME finds a link, or with an index renames it.
  const index = change.newName === undefined ? 0 : channel.indexOf(name);
  const netns = channel.openNetns(change.netns);
  let flags = 0;
  let mask = 0;
  const flag = (bit: number, value: boolean | undefined) => {
    if (value === undefined) return;
    mask |= bit;
    if (value) flags |= bit;
  };
  flag(link.IFF_UP, change.up);
  flag(link.IFF_PROMISC, change.promiscuous);
  // In one request the flags would come first.
  if (change.ipv6LinkLocal === false) withoutLinkLocal(channel, name);
  channel.request(`change link ${name}`, link.RTM_NEWLINK, 0, (writer) => {
    writer.raw(link.linkHeader(index, flags, mask));
    writer.attributeString(link.IFLA_IFNAME, change.newName ?? name);
    if (change.master !== undefined) writer.attributeU32(link.IFLA_MASTER, masterIndex);
    if (change.mtu !== undefined) writer.attributeU32(link.IFLA_MTU, change.mtu);
    if (change.mac !== undefined) writer.attribute(link.IFLA_ADDRESS, macBytes(change.mac));
    if (change.alias !== undefined) writer.attributeString(link.IFLA_IFALIAS, change.alias);
    if (change.group !== undefined) writer.attributeU32(link.IFLA_GROUP, change.group);
    if (netns !== undefined) writer.attributeU32(link.IFLA_NET_NS_FD, netns);
  });
  setPort(channel, change.newName ?? name, change);
  setBridge(channel, change.newName ?? name, change);
}

function setBridge(channel: RouteChannel, name: string, { callIptables }: LinkChange): void {
  if (callIptables === undefined) return;
  channel.request(`change bridge ${name}`, link.RTM_NEWLINK, 0, (writer) => {
    writer.raw(link.linkHeader());
    writer.attributeString(link.IFLA_IFNAME, name);
    link.writeKind(writer, 'bridge', () => {
      writer.attributeU8(link.IFLA_BR_NF_CALL_IPTABLES, Number(callIptables));
      writer.attributeU8(link.IFLA_BR_NF_CALL_IP6TABLES, Number(callIptables));
    });
  });
}

// In a request of its own: in one that also sets the master, port options would go to the old master.
function setPort(channel: RouteChannel, name: string, change: LinkChange): void {
  const values: [number, boolean | undefined][] = [
    [link.IFLA_BRPORT_MODE, change.hairpin],
    [link.IFLA_BRPORT_ISOLATED, change.isolated],
    [link.IFLA_BRPORT_LEARNING, change.learning],
    [link.IFLA_BRPORT_UNICAST_FLOOD, change.unicastFlood],
    [link.IFLA_BRPORT_NEIGH_SUPPRESS, change.neighbourSuppression],
  ];
  if (values.every(([, value]) => value === undefined)) return;
  channel.request(`change bridge port ${name}`, link.RTM_NEWLINK, 0, (writer) => {
    writer.raw(link.linkHeader());
    writer.attributeString(link.IFLA_IFNAME, name);
    writer.nest(link.IFLA_LINKINFO, () => {
      writer.attributeString(link.IFLA_INFO_SLAVE_KIND, 'bridge');
      writer.nest(link.IFLA_INFO_SLAVE_DATA, () => {
        for (const [type, value] of values) if (value !== undefined) writer.attributeU8(type, Number(value));
      });
    });
  });
}

export function deleteLink(channel: RouteChannel, name: string): void {
  channel.request(`delete link ${name}`, link.RTM_DELLINK, 0, (writer) => {
    writer.raw(link.linkHeader());
    writer.attributeString(link.IFLA_IFNAME, name);
  });
}

function createLink(channel: RouteChannel, kind: string, options: NewLink, content: WriteContent): void {
  channel.request(`create ${kind} ${options.name}`, link.RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, (writer) => {
    const up = options.up ? link.IFF_UP : 0;
    writer.raw(link.linkHeader(0, up, up));
    writer.attributeString(link.IFLA_IFNAME, options.name);
    if (options.mtu !== undefined) writer.attributeU32(link.IFLA_MTU, options.mtu);
    if (options.mac !== undefined) writer.attribute(link.IFLA_ADDRESS, macBytes(options.mac));
    content(writer);
  });
}

// The kernel does not look at an alias when it makes a link.
/** The kernel takes no alias with the request that makes the link. One that cannot be given it is not made. */
function setAlias(channel: RouteChannel, name: string, alias: string | undefined): void {
  if (alias === undefined) return;
  try {
    setLink(channel, name, { alias });
  } catch (error) {
    deleteLink(channel, name);
    throw error;
  }
}
