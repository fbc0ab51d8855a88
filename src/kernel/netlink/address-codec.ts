/** Addresses, routes and neighbours: what the kernel's messages carry, read into records. */
import { AF_INET, AF_INET6, ipText, macText } from '../socket-address.ts';
import { attributeText, attributeU32, readAttributes } from './message.ts';

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;
export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
export const RTM_GETNEIGH = 30;

export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;
export const IFA_LABEL = 3;
export const IFA_BROADCAST = 4;
export const IFA_FLAGS = 8;
export const IFA_PROTO = 11;
export const IFA_F_NODAD = 0x02;
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;
export const IFA_F_NOPREFIXROUTE = 0x200;

export const RTA_DST = 1;
export const RTA_SRC = 2;
export const RTA_IIF = 3;
export const RTA_OIF = 4;
export const RTA_GATEWAY = 5;
export const RTA_PRIORITY = 6;
export const RTA_PREFSRC = 7;
export const RTA_METRICS = 8;
export const RTA_TABLE = 15;
export const RTAX_MTU = 2;

export const NDA_DST = 1;
export const NDA_LLADDR = 2;
export const NDA_IFINDEX = 8;
export const NUD_PERMANENT = 0x80;

/** Names and numbers of /etc/iproute2/rt_scopes. */
export const scopes = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;
export type Scope = keyof typeof scopes;

const scopeName = (value: number): Scope =>
  (Object.keys(scopes) as Scope[]).find((name) => scopes[name] === value) ?? 'global';

export interface AddressInfo {
  readonly linkIndex: number;
  readonly version: 4 | 6;
  readonly address: string;
  readonly prefix: number;
  readonly scope: Scope;
  /** IPv4's interface label; '' if none. */
  readonly label: string;
  /** The far end of a point-to-point address. */
  readonly peer?: string;
  readonly broadcast?: string;
  /** IPv6: not usable yet, duplicate detection is in progress. */
  readonly tentative: boolean;
  /** IPv6: another host has it. */
  readonly duplicate: boolean;
  /** What assigned it, as a number; 0 where unspecified (and before Linux 5.18). */
  readonly origin: number;
}

export function parseAddress(payload: Buffer): AddressInfo | undefined {
  if (payload.length < 8) return undefined;
  const attributes = readAttributes(payload, 8);
  const local = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  const version = ipVersionOf(payload[0]!);
  if (!version || local?.length !== (version === 4 ? 4 : 16)) return undefined;
  const far = attributes.get(IFA_ADDRESS);
  const broadcast = attributes.get(IFA_BROADCAST);
  const flags = attributeU32(attributes.get(IFA_FLAGS)) ?? payload[2]!;
  return {
    linkIndex: payload.readUInt32LE(4),
    version,
    address: ipText(local),
    prefix: payload[1]!,
    scope: scopeName(payload[3]!),
    label: attributeText(attributes.get(IFA_LABEL)),
    ...(far && far.length === local.length && !far.equals(local) ? { peer: ipText(far) } : {}),
    ...(broadcast?.length === 4 ? { broadcast: ipText(broadcast) } : {}),
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
    duplicate: (flags & IFA_F_DADFAILED) !== 0,
    origin: attributes.get(IFA_PROTO)?.[0] ?? 0,
  };
}

export const routeTypes = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
} as const;
export type RouteType = keyof typeof routeTypes;

export interface RouteInfo {
  readonly version: 4 | 6;
  /** '10.0.0.0/8'; absent = default. */
  readonly destination?: string;
  readonly gateway?: string;
  /** 0 for blackhole and the like. */
  readonly linkIndex: number;
  readonly metric: number;
  /** The preferred source address. */
  readonly source?: string;
  readonly scope: Scope;
  readonly table: number;
  /** 2 kernel, 3 boot, 4 static, 16 dhcp... */
  readonly protocol: number;
  readonly type: string;
}

export function parseRoute(payload: Buffer): RouteInfo | undefined {
  if (payload.length < 12) return undefined;
  const version = ipVersionOf(payload[0]!);
  if (!version) return undefined;
  const attributes = readAttributes(payload, 12);
  const address = (type: number) => {
    const value = attributes.get(type);
    return value?.length === (version === 4 ? 4 : 16) ? ipText(value) : undefined;
  };
  const destination = address(RTA_DST);
  const gateway = address(RTA_GATEWAY);
  const source = address(RTA_PREFSRC);
  const prefix = payload[1]!;
  const any = version === 4 ? '0.0.0.0' : '::';
  return {
    version,
    ...(prefix === 0 && destination === undefined ? {} : { destination: `${destination ?? any}/${prefix}` }),
    ...(gateway === undefined ? {} : { gateway }),
    linkIndex: attributeU32(attributes.get(RTA_OIF)) ?? 0,
    metric: attributeU32(attributes.get(RTA_PRIORITY)) ?? 0,
    ...(source === undefined ? {} : { source }),
    scope: scopeName(payload[6]!),
    table: attributeU32(attributes.get(RTA_TABLE)) ?? payload[4]!,
    protocol: payload[5]!,
    type:
      (Object.keys(routeTypes) as RouteType[]).find((name) => routeTypes[name] === payload[7]) ?? String(payload[7]),
  };
}

export interface NeighbourInfo {
  readonly linkIndex: number;
  /** An IP address; undefined in a bridge's forwarding table without a remote. */
  readonly address: string | undefined;
  /** '' while it is unknown. */
  readonly mac: string;
  readonly states: readonly string[];
}

const neighbourStates = ['incomplete', 'reachable', 'stale', 'delay', 'probe', 'failed', 'noarp', 'permanent'];

export function parseNeighbour(payload: Buffer): NeighbourInfo | undefined {
  if (payload.length < 12) return undefined;
  const attributes = readAttributes(payload, 12);
  const address = attributes.get(NDA_DST);
  const mac = attributes.get(NDA_LLADDR);
  const state = payload.readUInt16LE(8);
  return {
    linkIndex: payload.readInt32LE(4),
    address: address?.length === 4 || address?.length === 16 ? ipText(address) : undefined,
    mac: mac?.length === 6 ? macText(mac) : '',
    states: neighbourStates.filter((_, bit) => state & (1 << bit)),
  };
}

function ipVersionOf(family: number): 4 | 6 | undefined {
  if (family === AF_INET) return 4;
  return family === AF_INET6 ? 6 : undefined;
}
