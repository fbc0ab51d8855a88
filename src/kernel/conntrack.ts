/**
 * Connection tracking entries, found and deleted. A flow keeps the translation that it began with: after an endpoint has
 * come or gone, entries that mention it must go too, or UDP traffic sticks to a dead container (and a first packet that came
 * before the rules did keeps the flow away from the new one).
 */
import { errnoNumber, isKernelError, KernelError } from './errors.ts';
import { eachAttribute, NetlinkWriter, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, readAttributes } from './netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './netlink/netlink-socket.ts';
import { AF_INET, AF_INET6, ipBytes, ipText } from './socket-address.ts';

const NFNL_SUBSYS_CTNETLINK = 1;
const CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1;
const CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_SRC = [1, 3] as const; // v4, v6
const CTA_IP_DST = [2, 4] as const;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const NF_HEADER_BYTES = 4;
const protocols = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;
export type FlowProtocol = keyof typeof protocols;

/** All that is given must hold. */
export interface FlowFilter {
  readonly protocol?: FlowProtocol;
  /** Where the first packet came from. */
  readonly source?: string;
  /** Where the first packet was sent to: before translation, e.g. the host's address. */
  readonly destination?: string;
  readonly sourcePort?: number;
  /** The destination port of the first packet: of a published port, the host's. */
  readonly destinationPort?: number;
  /** Who answers: after translation, e.g. the container's address. */
  readonly replySource?: string;
  readonly replySourcePort?: number;
  /** The address anywhere in the flow, before or after translation. */
  readonly address?: string;
  /** Any of these anywhere in the flow. */
  readonly addresses?: ReadonlySet<string>;
  /** Any of these as the first packet's destination port. */
  readonly destinationPorts?: ReadonlySet<number>;
}

export interface FlowEnd {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface Flow {
  readonly version: 4 | 6;
  readonly protocol: number;
  readonly original: FlowEnd;
  readonly reply: FlowEnd;
}

interface ListedFlow {
  readonly flow: Flow;
  /** What names the entry in a request to delete it: its attributes as the kernel wrote them. */
  readonly name: readonly (readonly [type: number, value: Buffer])[];
}

/** The entries that match, of both versions. [] where connection tracking is not there at all. */
export function listFlows(filter: FlowFilter = {}, netns?: string): Flow[] {
  return withSocket(netns, (socket) => list(socket, filter)).map(({ flow }) => flow);
}

/**
 * Deletes the entries that match: how many. The kernel's own filter is not used (it differs between versions): a dump is
 * read and filtered here, 1 us an entry, and each match is deleted by its name and id, so that a new flow with the same
 * addresses is not hit.
 */
export function deleteFlows(filter: FlowFilter, netns?: string): number {
  return withSocket(netns, (socket) => {
    let deleted = 0;
    for (const { flow, name } of list(socket, filter)) {
      const writer = new NetlinkWriter(256);
      begin(writer, socket, CT_DELETE, NLM_F_ACK, flow.version === 4 ? AF_INET : AF_INET6);
      for (const [type, value] of name) {
        if (type === CTA_TUPLE_ORIG) writer.attribute(type | 0x8000, value);
        else writer.attribute(type, value);
      }
      writer.end();
      try {
        socket.request(writer, 'delete tracked connection');
        deleted++;
      } catch (error) {
        if (!isKernelError(error, 'ENOENT')) throw error; // it ended meanwhile
      }
    }
    return deleted;
  });
}

function withSocket<T>(netns: string | undefined, work: (socket: NetlinkSocket) => T): T {
  const socket = NetlinkSocket.open(NETLINK_NETFILTER, { netns });
  try {
    return work(socket);
  } finally {
    socket.close();
  }
}

function list(socket: NetlinkSocket, filter: FlowFilter): ListedFlow[] {
  const matches = compileFilter(filter);
  let flows: ListedFlow[] = [];
  const writer = new NetlinkWriter(64);
  begin(writer, socket, CT_GET, NLM_F_DUMP, 0);
  writer.end();
  try {
    socket.dump(
      writer,
      'list tracked connections',
      ({ payload }) => {
        const listed = parseFlow(payload);
        if (listed && matches(listed.flow)) flows.push(listed);
      },
      () => (flows = []),
    );
  } catch (error) {
    // A kernel without the module; it is not an error that what does not exist has no entries.
    if (!isKernelError(error, 'EINVAL', 'EOPNOTSUPP', 'EPROTONOSUPPORT')) throw error;
  }
  return flows;
}

function begin(writer: NetlinkWriter, socket: NetlinkSocket, type: number, flags: number, family: number): void {
  writer.begin(type, NLM_F_REQUEST | flags, socket.nextSequence());
  writer.raw(Buffer.from([family, 0, 0, 0]));
}

function canonical(text: string | undefined): string | undefined {
  return text === undefined ? undefined : ipText(ipBytes(text));
}

function compileFilter(filter: FlowFilter): (flow: Flow) => boolean {
  const protocol = filter.protocol && protocols[filter.protocol];
  if (filter.protocol !== undefined && protocol === undefined) {
    throw new KernelError(`find tracked connections of ${filter.protocol}`, errnoNumber('EPROTONOSUPPORT'));
  }
  const source = canonical(filter.source);
  const destination = canonical(filter.destination);
  const replySource = canonical(filter.replySource);
  const address = canonical(filter.address);
  const addresses = filter.addresses && new Set([...filter.addresses].map((text) => canonical(text)));
  const same = <T>(wanted: T | undefined, value: T) => wanted === undefined || wanted === value;
  return ({ protocol: number, original, reply }) =>
    same<number>(protocol, number) &&
    same(source, original.source) &&
    same(destination, original.destination) &&
    same(filter.sourcePort, original.sourcePort) &&
    same(filter.destinationPort, original.destinationPort) &&
    same(replySource, reply.source) &&
    same(filter.replySourcePort, reply.sourcePort) &&
    (filter.destinationPorts === undefined || filter.destinationPorts.has(original.destinationPort)) &&
    (address === undefined || endsOf(original, reply).includes(address)) &&
    (addresses === undefined || endsOf(original, reply).some((end) => addresses.has(end)));
}

const endsOf = (original: FlowEnd, reply: FlowEnd): string[] => [original.source, original.destination, reply.source, reply.destination];

/** Reads the payload of a conntrack message; undefined if it has no tuples. */
export function parseFlow(payload: Buffer): ListedFlow | undefined {
  const name: [number, Buffer][] = [];
  let original: Tuple | undefined;
  let reply: Tuple | undefined;
  eachAttribute(payload, NF_HEADER_BYTES, (type, value) => {
    if (type === CTA_TUPLE_ORIG) original = parseTuple(value);
    if (type === CTA_TUPLE_REPLY) reply = parseTuple(value);
    if (type === CTA_TUPLE_ORIG || type === CTA_ID || type === CTA_ZONE) name.push([type, Buffer.from(value)]);
  });
  if (!original || !reply) return undefined;
  const version = original.end.source.includes(':') ? 6 : 4;
  return { flow: { version, protocol: original.protocol, original: original.end, reply: reply.end }, name };
}

interface Tuple {
  readonly protocol: number;
  readonly end: FlowEnd;
}

function parseTuple(value: Buffer): Tuple | undefined {
  const tuple = readAttributes(value);
  const ip = readAttributes(tuple.get(CTA_TUPLE_IP) ?? Buffer.alloc(0));
  const proto = readAttributes(tuple.get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0));
  const source = ip.get(CTA_IP_SRC[0]) ?? ip.get(CTA_IP_SRC[1]);
  const destination = ip.get(CTA_IP_DST[0]) ?? ip.get(CTA_IP_DST[1]);
  if (!source || !destination || ![4, 16].includes(source.length) || source.length !== destination.length) return undefined;
  const port = (type: number) => {
    const bytes = proto.get(type);
    return bytes?.length === 2 ? bytes.readUInt16BE(0) : 0;
  };
  return {
    protocol: proto.get(CTA_PROTO_NUM)?.[0] ?? 0,
    end: {
      source: ipText(source),
      destination: ipText(destination),
      sourcePort: port(CTA_PROTO_SRC_PORT),
      destinationPort: port(CTA_PROTO_DST_PORT),
    },
  };
}
