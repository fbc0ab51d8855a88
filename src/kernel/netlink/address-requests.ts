/** Requests about the addresses of links and about neighbours. */
import { AF_INET, AF_INET6, familyOf, ipBytes, macBytes, parsePrefix } from '../socket-address.ts';
import * as address from './address-codec.ts';
import type { RouteChannel } from './route-channel.ts';

export const AF_BRIDGE = 7;
const NTF_SELF = 2; // the link's own table, not its bridge's

export interface AddressOptions {
  /** IPv6: usable at once, without duplicate detection. */
  readonly noDad?: boolean;
  readonly scope?: address.Scope;
  /** IPv4: 'auto' (default) is the subnet's last address, from /30 on down; 'none'. */
  readonly broadcast?: string;
  /** The far end of a point-to-point address. */
  readonly peer?: string;
  readonly label?: string;
  /** Without the route to the subnet that comes with an address. */
  readonly noPrefixRoute?: boolean;
  /** Who gives it, as a number; lost before Linux 5.18. */
  readonly origin?: number;
  /** Change the one that is there instead of EEXIST. */
  readonly replace?: boolean;
}

export function listAddresses(channel: RouteChannel, link: string | undefined): address.AddressInfo[] {
  const index = link === undefined ? 0 : channel.indexOf(link);
  let addresses: address.AddressInfo[] = [];
  const header = Buffer.alloc(8);
  header.writeUInt32LE(index, 4);
  channel.dump({
    operation: 'list addresses',
    type: address.RTM_GETADDR,
    content: (writer) => writer.raw(header),
    visit: (_, payload) => {
      const info = address.parseAddress(payload);
      if (info && (index === 0 || info.linkIndex === index)) addresses.push(info);
    },
    restart: () => (addresses = []),
  });
  return addresses;
}

/** RTM_NEWADDR or RTM_DELADDR. */
export function requestAddress(
  channel: RouteChannel,
  request: { operation: string; type: number; flags: number; link: string; cidr: string; options: AddressOptions },
): void {
  const { operation, type, flags, options } = request;
  const { bytes, prefix, family } = parsePrefix(request.cidr);
  const header = Buffer.alloc(8);
  header[0] = family;
  header[1] = prefix;
  header[3] = address.scopes[options.scope ?? 'global'];
  header.writeUInt32LE(channel.indexOf(request.link, operation), 4);
  const broadcast = type === address.RTM_NEWADDR ? broadcastBytes(bytes, prefix, options) : undefined;
  const bits = (options.noDad ? address.IFA_F_NODAD : 0) | (options.noPrefixRoute ? address.IFA_F_NOPREFIXROUTE : 0);
  channel.request(operation, type, flags, (writer) => {
    writer.raw(header);
    writer.attribute(address.IFA_LOCAL, bytes);
    writer.attribute(address.IFA_ADDRESS, options.peer === undefined ? bytes : ipBytes(options.peer));
    if (broadcast) writer.attribute(address.IFA_BROADCAST, broadcast);
    if (options.label !== undefined) writer.attributeString(address.IFA_LABEL, options.label);
    if (bits !== 0) writer.attributeU32(address.IFA_FLAGS, bits);
    if (options.origin !== undefined) writer.attributeU8(address.IFA_PROTO, options.origin);
  });
}

function broadcastBytes(bytes: Buffer, prefix: number, options: AddressOptions): Buffer | undefined {
  const { broadcast = 'auto' } = options;
  if (bytes.length !== 4 || broadcast === 'none' || options.peer !== undefined) return undefined;
  if (broadcast !== 'auto') return ipBytes(broadcast);
  if (prefix > 30 || prefix === 0) return undefined;
  const out = Buffer.alloc(4);
  out.writeUInt32BE((bytes.readUInt32BE(0) | (0xffffffff >>> prefix)) >>> 0, 0);
  return out;
}

export interface NeighbourFilter {
  readonly link?: string;
  readonly version?: 4 | 6;
}

export function listNeighbours(channel: RouteChannel, filter: NeighbourFilter): address.NeighbourInfo[] {
  const index = filter.link === undefined ? 0 : channel.indexOf(filter.link);
  let neighbours: address.NeighbourInfo[] = [];
  const header = Buffer.alloc(12);
  header[0] = filter.version === 4 ? AF_INET : filter.version === 6 ? AF_INET6 : 0;
  channel.dump({
    operation: 'list neighbours',
    type: address.RTM_GETNEIGH,
    content: (writer) => {
      writer.raw(header);
      if (index) writer.attributeU32(address.NDA_IFINDEX, index);
    },
    visit: (_, payload) => {
      const info = address.parseNeighbour(payload);
      if (info && (index === 0 || info.linkIndex === index)) neighbours.push(info);
    },
    restart: () => (neighbours = []),
  });
  return neighbours;
}

/** RTM_NEWNEIGH or RTM_DELNEIGH; family AF_BRIDGE is a link's forwarding table. */
export function requestNeighbour(
  channel: RouteChannel,
  request: { operation: string; type: number; flags: number; link: string; ip: string; mac?: string; family?: number },
): void {
  const { operation, mac, family } = request;
  const bytes = ipBytes(request.ip);
  const header = Buffer.alloc(12);
  header[0] = family ?? familyOf(bytes);
  header.writeInt32LE(channel.indexOf(request.link, operation), 4);
  header.writeUInt16LE(address.NUD_PERMANENT, 8);
  header[10] = family === AF_BRIDGE ? NTF_SELF : 0;
  channel.request(operation, request.type, request.flags, (writer) => {
    writer.raw(header);
    writer.attribute(address.NDA_DST, bytes);
    if (mac !== undefined) writer.attribute(address.NDA_LLADDR, macBytes(mac));
  });
}
