/** Packets as bytes, for tests that make their own: ICMP echo, SCTP chunks, and whole UDP datagrams with any source. */
import { ipBytes } from '../../src/kernel/socket-address.ts';

export const IPPROTO_ICMP = 1;
const IPPROTO_UDP = 17;
export const IPPROTO_ICMPV6 = 58;
export const IPPROTO_SCTP = 132;

/** The Internet's checksum (RFC 1071). */
export function checksum(...parts: readonly Buffer[]): number {
  const all = Buffer.concat(parts);
  let sum = 0;
  for (let at = 0; at < all.length; at += 2) sum += at + 1 < all.length ? all.readUInt16BE(at) : all[at]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** An echo request; over IPv6 the kernel writes the checksum. */
export function echoRequest(version: 4 | 6, id: number): Buffer {
  const packet = Buffer.alloc(16);
  packet[0] = version === 4 ? 8 : 128;
  packet.writeUInt16BE(id, 4);
  if (version === 4) packet.writeUInt16BE(checksum(packet), 2);
  return packet;
}

export function isEchoReply(version: 4 | 6, packet: Buffer, id: number): boolean {
  return packet.length >= 8 && packet[0] === (version === 4 ? 0 : 129) && packet.readUInt16BE(4) === id;
}

/** A raw socket gives IPv4 packets with their header, IPv6 ones without. */
export function withoutIpHeader(version: 4 | 6, packet: Buffer): Buffer {
  return version === 4 ? packet.subarray((packet[0]! & 15) * 4) : packet;
}

const CRC32C = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC32C[(crc ^ byte) & 255]!;
  return ~crc >>> 0;
}

export interface SctpPacket {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly tag: number; // verification tag: 0 in an INIT
  readonly chunk: 'init' | 'init-ack';
  /** Of the sender: what it wants to be called with. */
  readonly initiateTag: number;
  /** In an INIT ACK: carried as its state cookie. */
  readonly text: string;
}

const CHUNKS = { init: 1, 'init-ack': 2 } as const;
const STATE_COOKIE = 7;

/** Common header, one chunk, and the CRC32c over all of it (RFC 9260). */
export function encodeSctp(packet: SctpPacket): Buffer {
  const text = Buffer.from(packet.text);
  const parameter = packet.chunk === 'init' ? Buffer.alloc(0) : Buffer.alloc(4 + Math.ceil(text.length / 4) * 4);
  if (parameter.length > 0) {
    parameter.writeUInt16BE(STATE_COOKIE, 0);
    parameter.writeUInt16BE(4 + text.length, 2);
    text.copy(parameter, 4);
  }
  const head = Buffer.alloc(32);
  head.writeUInt16BE(packet.sourcePort, 0);
  head.writeUInt16BE(packet.destinationPort, 2);
  head.writeUInt32BE(packet.tag, 4);
  head[12] = CHUNKS[packet.chunk];
  head.writeUInt16BE(20 + (parameter.length === 0 ? 0 : 4 + text.length), 14);
  head.writeUInt32BE(packet.initiateTag, 16);
  head.writeUInt32BE(65536, 20); // receiver window
  head.writeUInt16BE(1, 24); // streams out
  head.writeUInt16BE(1, 26); // streams in
  head.writeUInt32BE(1, 28); // first sequence number
  const bytes = Buffer.concat([head, parameter]);
  bytes.writeUInt32LE(crc32c(bytes), 8);
  return bytes;
}

/** Undefined for what is not an INIT or INIT ACK with a right checksum. */
export function decodeSctp(bytes: Buffer): SctpPacket | undefined {
  if (bytes.length < 32) return undefined;
  const blank = Buffer.from(bytes);
  blank.writeUInt32LE(0, 8);
  if (crc32c(blank) !== bytes.readUInt32LE(8)) return undefined;
  const chunk = bytes[12] === CHUNKS.init ? 'init' : bytes[12] === CHUNKS['init-ack'] ? 'init-ack' : undefined;
  if (!chunk) return undefined;
  return {
    sourcePort: bytes.readUInt16BE(0),
    destinationPort: bytes.readUInt16BE(2),
    tag: bytes.readUInt32BE(4),
    chunk,
    initiateTag: bytes.readUInt32BE(16),
    text: chunk === 'init' ? '' : bytes.toString('utf8', 36, 32 + bytes.readUInt16BE(34)),
  };
}

export interface UdpDatagram {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly text: string;
}

/** IP header and all, with the source that it is given. */
export function encodeUdp({ source, destination, sourcePort, destinationPort, text }: UdpDatagram): Buffer {
  const udp = Buffer.alloc(8 + Buffer.byteLength(text));
  udp.writeUInt16BE(sourcePort, 0);
  udp.writeUInt16BE(destinationPort, 2);
  udp.writeUInt16BE(udp.length, 4);
  udp.write(text, 8);
  udp.writeUInt16BE(checksum(pseudoHeader(source, destination, IPPROTO_UDP, udp.length), udp) || 0xffff, 6);
  return encodeIp(source, destination, IPPROTO_UDP, udp);
}

/** "Port unreachable", about a packet. */
export function encodeUnreachable(source: string, destination: string, about: Buffer): Buffer {
  return encodeIcmp(
    source,
    destination,
    Buffer.concat([Buffer.from(source.includes(':') ? [1, 4] : [3, 3]), Buffer.alloc(6), about]),
  );
}

/** `message` from its type on, its checksum left 0. */
export function encodeIcmp(source: string, destination: string, unsummed: Buffer): Buffer {
  const v6 = source.includes(':');
  const message = Buffer.from(unsummed);
  const protocol = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
  message.writeUInt16BE(
    v6 ? checksum(pseudoHeader(source, destination, protocol, message.length), message) : checksum(message),
    2,
  );
  return encodeIp(source, destination, protocol, message);
}

function pseudoHeader(source: string, destination: string, protocol: number, length: number): Buffer {
  const rest = Buffer.alloc(8);
  rest.writeUInt32BE(length, 0);
  rest.writeUInt32BE(protocol, 4);
  return Buffer.concat([ipBytes(source), ipBytes(destination), rest]);
}

/** With the hop limit that neighbour discovery demands. */
function encodeIp(source: string, destination: string, protocol: number, payload: Buffer): Buffer {
  const [from, to] = [ipBytes(source), ipBytes(destination)];
  if (from.length === 16) {
    const header = Buffer.alloc(8);
    header[0] = 0x60;
    header.writeUInt16BE(payload.length, 4);
    header[6] = protocol;
    header[7] = 255;
    return Buffer.concat([header, from, to, payload]);
  }
  const header = Buffer.concat([Buffer.alloc(12), from, to]);
  header[0] = 0x45;
  header.writeUInt16BE(20 + payload.length, 2);
  header[8] = 255;
  header[9] = protocol;
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, payload]);
}
