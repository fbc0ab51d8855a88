/** Links: what RTM_NEWLINK carries, read into LinkInfo, and the parts that requests for a link are written from. */
import { macText } from '../socket-address.ts';
import { attributeText, attributeU32, readAttributes, type NetlinkWriter } from './message.ts';

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;

export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINK = 5;
export const IFLA_MASTER = 10;
const IFLA_OPERSTATE = 16;
export const IFLA_LINKINFO = 18;
export const IFLA_IFALIAS = 20;
export const IFLA_STATS64 = 23;
export const IFLA_GROUP = 27;
export const IFLA_NET_NS_FD = 28;
export const IFLA_EXT_MASK = 29;
const IFLA_LINK_NETNSID = 37;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
export const IFLA_INFO_SLAVE_KIND = 4;
export const IFLA_INFO_SLAVE_DATA = 5;
export const VETH_INFO_PEER = 1;
export const IFLA_BR_STP_STATE = 5;
export const IFLA_BR_VLAN_FILTERING = 7;
export const IFLA_BR_MCAST_SNOOPING = 23;
export const IFLA_BR_NF_CALL_IPTABLES = 36;
export const IFLA_BR_NF_CALL_IP6TABLES = 37;
export const IFLA_VXLAN_ID = 1;
export const IFLA_VXLAN_GROUP = 2;
export const IFLA_VXLAN_LINK = 3;
export const IFLA_VXLAN_LOCAL = 4;
export const IFLA_VXLAN_LEARNING = 7;
export const IFLA_VXLAN_PORT = 15;
export const IFLA_VXLAN_GROUP6 = 16;
export const IFLA_VXLAN_LOCAL6 = 17;
export const IFLA_BRPORT_MODE = 4;
export const IFLA_BRPORT_LEARNING = 8;
export const IFLA_BRPORT_UNICAST_FLOOD = 9;
export const IFLA_BRPORT_NEIGH_SUPPRESS = 32;
export const IFLA_BRPORT_ISOLATED = 33;

export const IFF_UP = 1;
export const IFF_PROMISC = 0x100;

export interface LinkInfo {
  readonly index: number;
  readonly name: string;
  /** 'bridge', 'veth', 'macvlan'...; '' for hardware and the loopback. */
  readonly kind: string;
  /** '' where the link has none. */
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** 'up', 'down', 'lowerlayerdown', 'unknown'... */
  readonly operState: string;
  /** The bridge it is a port of; 0 = none. */
  readonly masterIndex: number;
  /** A veth's other end, a macvlan's or VLAN's parent: an index in the namespace `linkNetnsId`; 0 = none. */
  readonly peerIndex: number;
  /** The id, in this namespace, of the one where `peerIndex` counts; undefined = this one. */
  readonly linkNetnsId: number | undefined;
  readonly alias?: string;
  /** A number that rules can match (`iifgroup`); absent where it is 0, the default. */
  readonly group?: number;
  /** For a bridge port. */
  readonly port?: { readonly hairpin: boolean; readonly isolated: boolean; readonly learning: boolean };
  /** For a macvlan or ipvlan. */
  readonly mode?: string;
  readonly vlanId?: number;
  /**
   * For a bridge: it hands frames of both versions to iptables when br_netfilter is loaded, whatever the sysctl says.
   */
  readonly callIptables?: boolean;
  readonly vni?: number;
}

const operStates = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up'];

export const macvlanModes = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
export type MacvlanMode = keyof typeof macvlanModes;
export const ipvlanModes = { l2: 0, l3: 1, l3s: 2 } as const;
export type IpvlanMode = keyof typeof ipvlanModes;
export const ipvlanFlags = { bridge: 0, private: 1, vepa: 2 } as const;
export type IpvlanFlag = keyof typeof ipvlanFlags;

function modeName(modes: Readonly<Record<string, number>>, value: number | undefined): string {
  return Object.keys(modes).find((name) => modes[name] === value) ?? String(value);
}

/** Reads the payload of an RTM_NEWLINK or RTM_DELLINK (of family AF_UNSPEC); undefined if it is too short to be one. */
export function parseInterface(payload: Buffer): LinkInfo | undefined {
  if (payload.length < 16) return undefined;
  const attributes = readAttributes(payload, 16);
  const mac = attributes.get(IFLA_ADDRESS);
  const netnsId = attributes.get(IFLA_LINK_NETNSID);
  const alias = attributeText(attributes.get(IFLA_IFALIAS));
  const group = attributeU32(attributes.get(IFLA_GROUP)) ?? 0;
  const info = readAttributes(attributes.get(IFLA_LINKINFO) ?? Buffer.alloc(0));
  const kind = attributeText(info.get(IFLA_INFO_KIND));
  return {
    index: payload.readInt32LE(4),
    name: attributeText(attributes.get(IFLA_IFNAME)),
    kind,
    mac: mac?.length === 6 ? macText(mac) : '',
    mtu: attributeU32(attributes.get(IFLA_MTU)) ?? 0,
    up: (payload.readUInt32LE(8) & IFF_UP) !== 0,
    operState: operStates[attributes.get(IFLA_OPERSTATE)?.[0] ?? 0] ?? 'unknown',
    masterIndex: attributeU32(attributes.get(IFLA_MASTER)) ?? 0,
    peerIndex: attributeU32(attributes.get(IFLA_LINK)) ?? 0,
    linkNetnsId: netnsId && netnsId.length >= 4 ? netnsId.readInt32LE(0) : undefined,
    ...(alias === '' ? {} : { alias }),
    ...(group === 0 ? {} : { group }),
    ...parseSlave(info),
    ...parseKindData(kind, info.get(IFLA_INFO_DATA)),
  };
}

function parseSlave(info: Map<number, Buffer>): Pick<LinkInfo, 'port'> {
  if (attributeText(info.get(IFLA_INFO_SLAVE_KIND)) !== 'bridge') return {};
  const data = readAttributes(info.get(IFLA_INFO_SLAVE_DATA) ?? Buffer.alloc(0));
  const flag = (type: number) => (data.get(type)?.[0] ?? 0) !== 0;
  return {
    port: {
      hairpin: flag(IFLA_BRPORT_MODE),
      isolated: flag(IFLA_BRPORT_ISOLATED),
      learning: flag(IFLA_BRPORT_LEARNING),
    },
  };
}

function parseBridge(data: Map<number, Buffer>): Pick<LinkInfo, 'callIptables'> {
  const isOn = (type: number) => (data.get(type)?.[0] ?? 0) !== 0;
  return isOn(IFLA_BR_NF_CALL_IPTABLES) && isOn(IFLA_BR_NF_CALL_IP6TABLES) ? { callIptables: true } : {};
}

function parseKindData(
  kind: string,
  value: Buffer | undefined,
): Pick<LinkInfo, 'mode' | 'vlanId' | 'vni' | 'callIptables'> {
  if (kind === 'bridge') return parseBridge(readAttributes(value ?? Buffer.alloc(0)));
  const first = value && readAttributes(value).get(1); // attribute 1 is the mode, the VLAN id, the VNI
  if (!first || first.length < 2) return {};
  if (kind === 'ipvlan') return { mode: modeName(ipvlanModes, first.readUInt16LE(0)) };
  if (kind === 'vlan') return { vlanId: first.readUInt16LE(0) };
  if (kind === 'macvlan') return { mode: modeName(macvlanModes, attributeU32(first)) };
  if (kind === 'vxlan') return { vni: attributeU32(first) ?? 0 };
  return {};
}

/** struct ifinfomsg. `change` says which bits of `flags` are meant. */
export function linkHeader(index = 0, flags = 0, change = 0, family = 0): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt8(family, 0);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(change, 12);
  return header;
}

export interface LinkStatistics {
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxErrors: number;
  readonly txErrors: number;
  readonly rxDropped: number;
  readonly txDropped: number;
}

/** struct rtnl_link_stats64: eight counters of 64 bits in this order. */
export function parseStatistics(value: Buffer): LinkStatistics {
  const counter = (index: number) => (value.length >= index * 8 + 8 ? Number(value.readBigUInt64LE(index * 8)) : 0);
  return {
    rxPackets: counter(0),
    txPackets: counter(1),
    rxBytes: counter(2),
    txBytes: counter(3),
    rxErrors: counter(4),
    txErrors: counter(5),
    rxDropped: counter(6),
    txDropped: counter(7),
  };
}

/** IFLA_LINKINFO with a kind and its data. */
export function writeKind(writer: NetlinkWriter, kind: string, data?: () => void): void {
  writer.nest(IFLA_LINKINFO, () => {
    writer.attributeString(IFLA_INFO_KIND, kind);
    if (data) writer.nest(IFLA_INFO_DATA, data);
  });
}
