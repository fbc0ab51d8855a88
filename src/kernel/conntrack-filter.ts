/**
 * What is asked of the connection tracking table, in three forms: a test of a parsed entry, bytes that every matching
 * entry must contain (so that others need not be parsed), and questions that the kernel can answer itself.
 */
import { errnoNumber, KernelError } from './errors.ts';
import { AF_INET, AF_INET6, ipBytes, ipText, type AddressFamily } from './socket-address.ts';

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
  /** The replying side: after translation, e.g. the container's address. */
  readonly replySource?: string;
  readonly replySourcePort?: number;
  /** The address anywhere in the flow, before or after translation. */
  readonly address?: string;
  /** Any of these anywhere in the flow. */
  readonly addresses?: ReadonlySet<string>;
  /** Any of these as the first packet's destination port. */
  readonly destinationPorts?: ReadonlySet<number>;
  /** Any of these as where the first packet was sent to. */
  readonly destinations?: ReadonlySet<string>;
  /** False: only flows of which no answer was ever seen. */
  readonly answered?: boolean;
  /** Asked last. With nothing else the whole table is read. */
  readonly where?: (flow: Flow) => boolean;
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
  readonly answered: boolean;
}

/** One question to the kernel: addresses of one direction, or a destination port, or everything of one family. */
export interface FlowQuestion {
  readonly side: 'original' | 'reply';
  readonly family: AddressFamily;
  readonly source?: Buffer;
  readonly destination?: Buffer;
  readonly port?: { readonly protocol: number; readonly destination: number };
  readonly unanswered?: boolean; // an older kernel (before 6.0) gives the others too
}

export interface CompiledFilter {
  matches(flow: Flow): boolean;
  /** False for bytes that cannot be a matching entry. */
  mayMatch(entry: Buffer): boolean;
  /**
   * All matching entries are in the answer to one of them. Undefined: they would be too many, or no address is named.
   */
  readonly questions: readonly FlowQuestion[] | undefined;
}

const QUESTIONS_MAX = 8; // each walks the kernel's whole hash table, 3 ms

export function compileFilter(filter: FlowFilter): CompiledFilter {
  const protocol = filter.protocol === undefined ? undefined : protocols[filter.protocol];
  if (filter.protocol !== undefined && protocol === undefined) {
    throw new KernelError(`find tracked connections of ${String(filter.protocol)}`, errnoNumber('EPROTONOSUPPORT'));
  }
  const [source, destination, replySource] = [filter.source, filter.destination, filter.replySource].map(canonical);
  const anywhere = new Set([...(filter.addresses ?? [])].map((text) => ipText(ipBytes(text))));
  const address = canonical(filter.address);
  const destinations = filter.destinations && new Set([...filter.destinations].map((text) => ipText(ipBytes(text))));
  const same = <T>(wanted: T | undefined, value: T) => wanted === undefined || wanted === value;
  const required = [source, destination, replySource, address].filter((text) => text !== undefined).map(ipBytes);
  const oneOf = [...anywhere].map(ipBytes);
  const ports = filter.destinationPort === undefined ? filter.destinationPorts : new Set([filter.destinationPort]);
  return {
    matches: ({ version, protocol: number, original, reply, answered }) =>
      same<number>(protocol, number) &&
      same(source, original.source) &&
      same(destination, original.destination) &&
      same(filter.sourcePort, original.sourcePort) &&
      same(filter.destinationPort, original.destinationPort) &&
      same(replySource, reply.source) &&
      same(filter.replySourcePort, reply.sourcePort) &&
      (filter.destinationPorts === undefined || filter.destinationPorts.has(original.destinationPort)) &&
      (destinations === undefined || destinations.has(original.destination)) &&
      (address === undefined || ends(original, reply).includes(address)) &&
      (filter.addresses === undefined || ends(original, reply).some((end) => anywhere.has(end))) &&
      same(filter.answered, answered) &&
      (filter.where === undefined || filter.where({ version, protocol: number, original, reply, answered })),
    mayMatch: (entry) =>
      required.every((bytes) => entry.includes(bytes)) &&
      (filter.addresses === undefined || oneOf.some((bytes) => entry.includes(bytes))) &&
      (ports === undefined || hasDestinationPort(entry, ports)),
    questions:
      questionsOf({ source, destination, replySource, address }, filter.addresses && anywhere) ??
      (protocol === undefined ? undefined : portQuestions(protocol, ports)) ??
      (filter.answered === false ? UNANSWERED : undefined),
  };
}

function questionsOf(
  named: { source?: string; destination?: string; replySource?: string; address?: string },
  anywhere: ReadonlySet<string> | undefined,
): FlowQuestion[] | undefined {
  const { source, destination, replySource, address } = named;
  const original = { source: bytesOf(source), destination: bytesOf(destination) };
  const first = original.source ?? original.destination;
  if (first) return [first.length === 16 ? ALL_V6 : { side: 'original', family: AF_INET, ...original }];
  const answering = bytesOf(replySource);
  if (answering) return [answering.length === 16 ? ALL_V6 : { side: 'reply', family: AF_INET, source: answering }];
  const addresses = (address !== undefined ? [address] : [...(anywhere ?? [])]).map(ipBytes);
  const v4 = addresses.filter((bytes) => bytes.length === 4);
  if (addresses.length === 0 || v4.length * 4 > QUESTIONS_MAX) return undefined;
  const questions = v4.flatMap((bytes) =>
    (['original', 'reply'] as const).flatMap((side): FlowQuestion[] => [
      { side, family: AF_INET, source: bytes },
      { side, family: AF_INET, destination: bytes },
    ]),
  );
  return v4.length === addresses.length ? questions : [...questions, ALL_V6];
}

// The kernel's comparison of IPv6 addresses is the wrong way round (seen in 6.18): what is equal does not match.
const ALL_V6: FlowQuestion = { side: 'original', family: AF_INET6 };

const UNANSWERED: readonly FlowQuestion[] = [AF_INET, AF_INET6].map((family) => ({
  side: 'original',
  family: family as AddressFamily,
  unanswered: true,
}));

function portQuestions(protocol: number, ports: ReadonlySet<number> | undefined): FlowQuestion[] | undefined {
  if (ports === undefined || ports.size * 2 > QUESTIONS_MAX) return undefined;
  return [...ports].flatMap((destination) =>
    ([AF_INET, AF_INET6] as const).map((family) => ({
      side: 'original' as const,
      family,
      port: { protocol, destination },
    })),
  );
}

// The attribute CTA_PROTO_DST_PORT (6 bytes, type 3) as it is in the entry, for either direction.
const destinationPortHeader = Buffer.from([6, 0, 3, 0]);

function hasDestinationPort(entry: Buffer, ports: ReadonlySet<number>): boolean {
  for (let at = entry.indexOf(destinationPortHeader); at >= 0; at = entry.indexOf(destinationPortHeader, at + 4)) {
    if (at + 6 <= entry.length && ports.has(entry.readUInt16BE(at + 4))) return true;
  }
  return false;
}

const bytesOf = (text: string | undefined) => (text === undefined ? undefined : ipBytes(text));

function canonical(text: string | undefined): string | undefined {
  return text === undefined ? undefined : ipText(ipBytes(text));
}

const ends = (original: FlowEnd, reply: FlowEnd): string[] => [
  original.source,
  original.destination,
  reply.source,
  reply.destination,
];
