/**
 * Connection tracking entries, found and deleted. A flow keeps the translation that it began with: after an endpoint
 * has come or gone, entries that mention it must go too, or UDP traffic sticks to a dead container (and a first packet
 * that came before the rules did keeps the flow away from the new one).
 *
 * The kernel's table is one for all namespaces and a walk through it takes 3 ms even when it is empty, so an empty
 * namespace is not looked at; a full one is not read whole: the kernel filters by address where it can (Linux 5.8; an
 * older one gives everything), and what comes is filtered here once more.
 */
import {
  compileFilter,
  type CompiledFilter,
  type Flow,
  type FlowEnd,
  type FlowFilter,
  type FlowQuestion,
} from './conntrack-filter.ts';
import { isKernelError } from './errors.ts';
import {
  eachAttribute,
  NetlinkWriter,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  readAttributes,
} from './netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from './netlink/netlink-socket.ts';
import { NF_HEADER_BYTES } from './nftables/protocol.ts';
import { AF_INET, AF_INET6, ipText } from './socket-address.ts';
import { readSysctl } from './sysctl.ts';

export type { Flow, FlowFilter } from './conntrack-filter.ts';

const NFNL_SUBSYS_CTNETLINK = 1;
const CT_NEW = NFNL_SUBSYS_CTNETLINK << 8;
const CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1;
const CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_STATUS = 3;
const CTA_PROTOINFO = 4;
const CTA_PROTOINFO_TCP = 1;
const CTA_PROTOINFO_TCP_FLAGS_ORIGINAL = 4;
const CTA_PROTOINFO_TCP_FLAGS_REPLY = 5;
const IP_CT_TCP_FLAG_BE_LIBERAL = 8;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_FILTER = 25;
const CTA_STATUS_MASK = 26;
const IPS_SEEN_REPLY = 2;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const FILTER_IP_SRC = 1;
const FILTER_IP_DST = 2;
const FILTER_PROTO_NUM = 8;
const FILTER_PROTO_DST_PORT = 32;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_SRC = { [AF_INET]: 1, [AF_INET6]: 3 } as const;
const CTA_IP_DST = { [AF_INET]: 2, [AF_INET6]: 4 } as const;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const RELAXED_AT_ONCE = 100;
const MANY_FLOWS = 5000; // from here on several filtered walks are quicker than one that gives everything

interface ListedFlow {
  readonly flow: Flow;
  /** What names the entry in a request to delete it: its attributes as the kernel wrote them. */
  readonly name: readonly (readonly [type: number, value: Buffer])[];
}

/** The entries that match, of both versions. [] where connection tracking is not there at all. */
export function listFlows(filter: FlowFilter = {}, netns?: string): Flow[] {
  return withSocket(netns, (socket, count) => list(socket, count, filter).map(({ flow }) => flow)) ?? [];
}

/** Deletes the entries that match: how many. By name and id, so that a new flow with the same addresses is not hit. */
export function deleteFlows(filter: FlowFilter, netns?: string): number {
  const deleted = withSocket(
    netns,
    (socket, count) => list(socket, count, filter).filter((listed) => remove(socket, listed)).length,
  );
  return deleted ?? 0;
}

/**
 * Deletes the entries that mention one of the addresses, with the kernel's walk through its table on another thread.
 * `addresses` is asked again when that is over: entries of one that it does not name any more stay.
 */
export async function deleteFlowsBeside(addresses: () => ReadonlySet<string>, netns?: string): Promise<number> {
  const count = flowCount(netns);
  if (count === 0) return 0;
  const socket = NetlinkSocket.open(NETLINK_NETFILTER, { netns });
  try {
    const { questions } = compileFilter({ addresses: addresses() });
    let deleted = 0;
    for (const question of count < MANY_FLOWS || !questions ? [undefined] : questions)
      deleted += await deleteAnswers(socket, addresses, question);
    return deleted;
  } finally {
    socket.close();
  }
}

async function deleteAnswers(
  socket: NetlinkSocket,
  addresses: () => ReadonlySet<string>,
  question: FlowQuestion | undefined,
): Promise<number> {
  let collector = collectFlows(compileFilter({ addresses: addresses() }));
  try {
    await socket.dumpOnThread(
      dumpRequest(socket, question),
      'list tracked connections',
      ({ payload }) => collector.add(payload),
      () => (collector = collectFlows(compileFilter({ addresses: addresses() }))),
    );
  } catch (error) {
    if (!isUnansweredQuestion(error)) throw error;
    return question ? deleteAnswers(socket, addresses, undefined) : 0;
  }
  return collector.flows.filter((listed) => remove(socket, listed)).length;
}

/**
 * TCP connections that match are no longer held to the window that tracking believes in, for the rest of their lives:
 * how many. Goes on in later turns of the event loop where they are many.
 */
export async function relaxFlows(filter: FlowFilter, netns?: string): Promise<number> {
  const listed = withSocket(netns, (socket, count) => list(socket, count, { ...filter, protocol: 'tcp' })) ?? [];
  let relaxed = 0;
  for (let at = 0; at < listed.length; at += RELAXED_AT_ONCE) {
    if (at > 0) await new Promise(setImmediate);
    relaxed += withSocket(netns, (socket) => relax(socket, listed.slice(at, at + RELAXED_AT_ONCE))) ?? 0;
  }
  return relaxed;
}

function relax(socket: NetlinkSocket, flows: readonly ListedFlow[]): number {
  const writer = new NetlinkWriter(flows.length * 160);
  const flags = Buffer.from([IP_CT_TCP_FLAG_BE_LIBERAL, IP_CT_TCP_FLAG_BE_LIBERAL]); // and the mask
  for (const listed of flows) {
    beginNamed(writer, socket, CT_NEW, listed);
    writer.nest(CTA_PROTOINFO, () =>
      writer.nest(CTA_PROTOINFO_TCP, () => {
        writer.attribute(CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, flags);
        writer.attribute(CTA_PROTOINFO_TCP_FLAGS_REPLY, flags);
      }),
    );
    writer.end();
  }
  const first = writer.bytes().readUInt32LE(8);
  const replies = socket.requestMany(
    writer,
    first,
    flows.map(() => 'relax tracked connection'),
  );
  for (const { error } of replies) if (error && !isKernelError(error, 'ENOENT')) throw error;
  return replies.filter(({ error }) => !error).length;
}

function remove(socket: NetlinkSocket, listed: ListedFlow): boolean {
  const writer = new NetlinkWriter(256);
  beginNamed(writer, socket, CT_DELETE, listed);
  writer.end();
  try {
    socket.request(writer, 'delete tracked connection');
    return true;
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return false; // it ended meanwhile
    throw error;
  }
}

/** Begins a request about one entry. */
function beginNamed(writer: NetlinkWriter, socket: NetlinkSocket, type: number, { flow, name }: ListedFlow): void {
  begin(writer, socket, type, NLM_F_ACK, flow.version === 4 ? AF_INET : AF_INET6);
  for (const [attribute, value] of name)
    writer.attribute(attribute === CTA_TUPLE_ORIG ? attribute | 0x8000 : attribute, value);
}

function withSocket<T>(netns: string | undefined, work: (socket: NetlinkSocket, count: number) => T): T | undefined {
  const count = flowCount(netns);
  if (count === 0) return undefined;
  const socket = NetlinkSocket.open(NETLINK_NETFILTER, { netns });
  try {
    return work(socket, count);
  } finally {
    socket.close();
  }
}

/** How many connections the namespace tracks; 0 where the kernel does not track at all. 50 us. */
export function flowCount(netns?: string): number {
  try {
    return Number(readSysctl('net.netfilter.nf_conntrack_count', netns));
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return 0;
    throw error;
  }
}

function list(socket: NetlinkSocket, count: number, filter: FlowFilter): ListedFlow[] {
  const compiled = compileFilter(filter);
  if (count < MANY_FLOWS || !compiled.questions) return dump(socket, compiled, undefined);
  // An entry may answer several questions.
  const found = new Map<string, ListedFlow>();
  for (const question of compiled.questions) {
    for (const listed of dump(socket, compiled, question))
      found.set(listed.name.map(([, value]) => value.toString('hex')).join(), listed);
  }
  return [...found.values()];
}

function dump(socket: NetlinkSocket, filter: CompiledFilter, question: FlowQuestion | undefined): ListedFlow[] {
  let collector = collectFlows(filter);
  try {
    socket.dump(
      dumpRequest(socket, question),
      'list tracked connections',
      ({ payload }) => collector.add(payload),
      () => (collector = collectFlows(filter)),
    );
  } catch (error) {
    if (!isUnansweredQuestion(error)) throw error;
    if (question) return dump(socket, filter, undefined);
  }
  return collector.flows;
}

function dumpRequest(socket: NetlinkSocket, question: FlowQuestion | undefined): NetlinkWriter {
  const writer = new NetlinkWriter(256);
  begin(writer, socket, CT_GET, NLM_F_DUMP, question?.family ?? 0);
  if (question) writeQuestion(writer, question);
  writer.end();
  return writer;
}

function collectFlows(filter: CompiledFilter): { readonly flows: ListedFlow[]; add(payload: Buffer): void } {
  const flows: ListedFlow[] = [];
  return {
    flows,
    add(payload) {
      const listed = filter.mayMatch(payload) ? parseFlow(payload) : undefined;
      if (listed && filter.matches(listed.flow)) flows.push(listed);
    },
  };
}

/** A kernel that does not take the question, or one without the module that answers any (then nothing can be done). */
const isUnansweredQuestion = (error: unknown): boolean =>
  isKernelError(error, 'EINVAL', 'EOPNOTSUPP', 'EPROTONOSUPPORT');

function writeQuestion(
  writer: NetlinkWriter,
  { side, family, source, destination, port, unanswered }: FlowQuestion,
): void {
  if (unanswered) {
    writer.attributeU32BE(CTA_STATUS, 0);
    writer.attributeU32BE(CTA_STATUS_MASK, IPS_SEEN_REPLY);
  }
  const addressFlags = (source ? FILTER_IP_SRC : 0) | (destination ? FILTER_IP_DST : 0);
  const flags = addressFlags | (port ? FILTER_PROTO_NUM | FILTER_PROTO_DST_PORT : 0);
  if (flags === 0) return;
  writer.nest(CTA_FILTER, () => {
    writer.attributeU32(CTA_FILTER_ORIG_FLAGS, side === 'original' ? flags : 0);
    writer.attributeU32(CTA_FILTER_REPLY_FLAGS, side === 'reply' ? flags : 0);
  });
  writer.nest(side === 'original' ? CTA_TUPLE_ORIG : CTA_TUPLE_REPLY, () => {
    if (addressFlags !== 0) {
      writer.nest(CTA_TUPLE_IP, () => {
        if (source) writer.attribute(CTA_IP_SRC[family], source);
        if (destination) writer.attribute(CTA_IP_DST[family], destination);
      });
    }
    if (port) {
      writer.nest(CTA_TUPLE_PROTO, () => {
        writer.attributeU8(CTA_PROTO_NUM, port.protocol);
        writer.attributeU16BE(CTA_PROTO_DST_PORT, port.destination);
      });
    }
  });
}

function begin(writer: NetlinkWriter, socket: NetlinkSocket, type: number, flags: number, family: number): void {
  writer.begin(type, NLM_F_REQUEST | flags, socket.nextSequence());
  writer.raw(Buffer.from([family, 0, 0, 0]));
}

/** Reads the payload of a conntrack message; undefined if it has no tuples. */
export function parseFlow(payload: Buffer): ListedFlow | undefined {
  const name: [number, Buffer][] = [];
  let original: Tuple | undefined;
  let reply: Tuple | undefined;
  let status = 0;
  eachAttribute(payload, NF_HEADER_BYTES, (type, value) => {
    if (type === CTA_TUPLE_ORIG) original = parseTuple(value);
    if (type === CTA_TUPLE_REPLY) reply = parseTuple(value);
    if (type === CTA_STATUS && value.length === 4) status = value.readUInt32BE(0);
    if (type === CTA_TUPLE_ORIG || type === CTA_ID || type === CTA_ZONE) name.push([type, Buffer.from(value)]);
  });
  if (!original || !reply) return undefined;
  const version = original.end.source.includes(':') ? 6 : 4;
  return {
    flow: {
      version,
      protocol: original.protocol,
      original: original.end,
      reply: reply.end,
      answered: (status & IPS_SEEN_REPLY) !== 0,
    },
    name,
  };
}

interface Tuple {
  readonly protocol: number;
  readonly end: FlowEnd;
}

function parseTuple(value: Buffer): Tuple | undefined {
  const tuple = readAttributes(value);
  const ip = readAttributes(tuple.get(CTA_TUPLE_IP) ?? Buffer.alloc(0));
  const proto = readAttributes(tuple.get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0));
  const source = ip.get(CTA_IP_SRC[AF_INET]) ?? ip.get(CTA_IP_SRC[AF_INET6]);
  const destination = ip.get(CTA_IP_DST[AF_INET]) ?? ip.get(CTA_IP_DST[AF_INET6]);
  if (!source || !destination || ![4, 16].includes(source.length) || source.length !== destination.length)
    return undefined;
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
