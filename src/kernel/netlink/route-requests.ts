/** Requests about routes. */
import { errnoNumber, KernelError } from '../errors.ts';
import { AF_INET, AF_INET6, familyOf, ipBytes, parsePrefix } from '../socket-address.ts';
import * as address from './address-codec.ts';
import type { RouteChannel } from './route-channel.ts';

const RTPROT_BOOT = 3;
const RTPROT_STATIC = 4;
const RTNH_F_ONLINK = 4;
export const RT_TABLE_MAIN = 254;
const RT_TABLE_LOCAL = 255;
const RTM_F_LOOKUP_TABLE = 0x1000;

export interface Route {
  /** '10.0.0.0/8'; absent = default. */
  readonly destination?: string;
  readonly gateway?: string;
  readonly link?: string;
  readonly metric?: number;
  /** The preferred source address. */
  readonly source?: string;
  readonly scope?: address.Scope;
  readonly table?: number;
  readonly type?: address.RouteType;
  /** 3 boot, 4 static (default)... */
  readonly protocol?: number;
  /** The gateway is on the link though no subnet says so. */
  readonly onLink?: boolean;
  readonly mtu?: number;
  /** Needed only where neither destination nor gateway tells it. */
  readonly version?: 4 | 6;
}

export interface RouteFilter {
  readonly version?: 4 | 6;
  /** 'all': also those in tables that only rules select, but not the kernel's own of local addresses. */
  readonly table?: number | 'all';
  readonly link?: string;
}

/** As what a forwarded packet is, where that is given: rules may ask for it. */
export interface RouteQuestion {
  readonly from: string;
  readonly linkIndex: number;
}

export function listRoutes(channel: RouteChannel, filter: RouteFilter): address.RouteInfo[] {
  const linkIndex = filter.link === undefined ? 0 : channel.indexOf(filter.link);
  const table = filter.table ?? RT_TABLE_MAIN;
  const versions = filter.version ? [filter.version] : ([4, 6] as const);
  return versions.flatMap((version) => {
    let routes: address.RouteInfo[] = [];
    const header = Buffer.alloc(12);
    header[0] = version === 4 ? AF_INET : AF_INET6;
    channel.dump({
      operation: 'list routes',
      type: address.RTM_GETROUTE,
      content: (writer) => {
        writer.raw(header);
        if (table !== 'all') writer.attributeU32(address.RTA_TABLE, table);
        if (linkIndex) writer.attributeU32(address.RTA_OIF, linkIndex);
      },
      visit: (_, payload) => {
        const route = address.parseRoute(payload);
        if (
          route &&
          (table === 'all' ? route.table !== RT_TABLE_LOCAL : route.table === table) &&
          (linkIndex === 0 || route.linkIndex === linkIndex)
        )
          routes.push(route);
      },
      restart: () => (routes = []),
      emptyCode: 'ENOENT', // a table that has not been used yet
    });
    return routes;
  });
}

export function findRoute(channel: RouteChannel, destination: string, packet?: RouteQuestion): address.RouteInfo {
  const operation = `find the route to ${destination}`;
  const bytes = ipBytes(destination);
  const source = packet && ipBytes(packet.from);
  const header = Buffer.alloc(12);
  header[0] = familyOf(bytes);
  header[1] = bytes.length * 8;
  header[2] = source ? source.length * 8 : 0;
  header.writeUInt32LE(RTM_F_LOOKUP_TABLE, 8);
  let found: address.RouteInfo | undefined;
  channel.read(
    operation,
    address.RTM_GETROUTE,
    (writer) => {
      writer.raw(header);
      writer.attribute(address.RTA_DST, bytes);
      if (source) writer.attribute(address.RTA_SRC, source);
      if (packet) writer.attributeU32(address.RTA_IIF, packet.linkIndex);
    },
    (payload) => (found = address.parseRoute(payload)),
  );
  if (!found) throw new KernelError(operation, errnoNumber('ENETUNREACH'));
  return found;
}

/** RTM_NEWROUTE or RTM_DELROUTE; `verb` begins the operation's name. */
export function requestRoute(
  channel: RouteChannel,
  request: { verb: string; type: number; flags: number; route: Route },
): void {
  const { verb, type, flags, route } = request;
  const operation = `${verb} route to ${route.destination ?? 'default'}${route.gateway === undefined ? '' : ` via ${route.gateway}`}`;
  const destination = route.destination === undefined ? undefined : parsePrefix(route.destination);
  const gateway = route.gateway === undefined ? undefined : ipBytes(route.gateway);
  const source = route.source === undefined ? undefined : ipBytes(route.source);
  const linkIndex = route.link === undefined ? 0 : channel.indexOf(route.link, operation);
  const table = route.table ?? RT_TABLE_MAIN;
  channel.request(operation, type, flags, (writer) => {
    writer.raw(routeHeader(route, type, destination, gateway ?? source, table));
    if (destination && destination.prefix > 0) {
      writer.attribute(address.RTA_DST, maskHostBits(destination.bytes, destination.prefix));
    }
    if (gateway) writer.attribute(address.RTA_GATEWAY, gateway);
    if (linkIndex) writer.attributeU32(address.RTA_OIF, linkIndex);
    if (source) writer.attribute(address.RTA_PREFSRC, source);
    if (route.metric !== undefined) writer.attributeU32(address.RTA_PRIORITY, route.metric);
    if (table >= 256) writer.attributeU32(address.RTA_TABLE, table);
    const { mtu } = route;
    if (mtu !== undefined) writer.nest(address.RTA_METRICS, () => writer.attributeU32(address.RTAX_MTU, mtu));
  });
}

// struct rtmsg { family, dst_len, src_len, tos, table, protocol, scope, type, flags }. A deletion matches everything
// that it does not name: scope nowhere and zeros.
function routeHeader(
  route: Route,
  type: number,
  destination: { bytes: Buffer; prefix: number } | undefined,
  other: Buffer | undefined,
  table: number,
): Buffer {
  const deleting = type === address.RTM_DELROUTE;
  const known = destination?.bytes ?? other;
  const family = known ? familyOf(known) : route.version === 6 ? AF_INET6 : AF_INET;
  const defaultScope = deleting ? 'nowhere' : route.gateway !== undefined || family === AF_INET6 ? 'global' : 'link';
  const header = Buffer.alloc(12);
  header[0] = family;
  header[1] = destination?.prefix ?? 0;
  header[4] = table < 256 ? table : 0;
  header[5] = route.protocol ?? (deleting ? 0 : family === AF_INET6 ? RTPROT_BOOT : RTPROT_STATIC);
  header[6] = address.scopes[route.scope ?? defaultScope];
  header[7] = route.type === undefined && deleting ? 0 : address.routeTypes[route.type ?? 'unicast'];
  header.writeUInt32LE(route.onLink ? RTNH_F_ONLINK : 0, 8);
  return header;
}

// The kernel refuses a destination with host bits.
function maskHostBits(bytes: Buffer, prefix: number): Buffer {
  const out = Buffer.from(bytes);
  for (let index = 0; index < out.length; index++) {
    const keep = Math.min(8, Math.max(0, prefix - index * 8));
    out[index] = out[index]! & (0xff << (8 - keep));
  }
  return out;
}
