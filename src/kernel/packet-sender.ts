/**
 * Sends whole IP packets as they are, sources included, as if a program of this host had: they pass the output hooks.
 */
import { internetChecksum } from './announce.ts';
import { closeFd } from './descriptors.ts';
import { check } from './errors.ts';
import { sendto, socket } from './ffi.ts';
import { runInNetns } from './netns.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW } from './socket.ts';
import { AF_INET, AF_INET6 } from './socket-address.ts';

const IPPROTO_RAW = 255; // the header comes with the packet
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const IPPROTO_SCTP = 132;
const IPV6_HEADER_BYTES = 40;

export class PacketSender {
  readonly #fds: { readonly v4: number; readonly v6: number };

  constructor(netns?: string) {
    const open = (family: number) =>
      check(socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW), 'open raw socket');
    this.#fds = runInNetns(netns, () => ({ v4: open(AF_INET), v6: open(AF_INET6) }));
  }

  close(): void {
    closeFd(this.#fds.v4);
    closeFd(this.#fds.v6);
  }

  /** Its checksums are recomputed. Throws a KernelError if the kernel does not take it: no route, too long, no room. */
  send(packet: Buffer): void {
    const v6 = packet[0]! >> 4 === 6;
    writeChecksum(packet);
    const to = v6 ? Buffer.alloc(28) : Buffer.alloc(16); // struct sockaddr_in6, sockaddr_in
    to.writeUInt16LE(v6 ? AF_INET6 : AF_INET, 0);
    if (v6) packet.copy(to, 8, 24, 40);
    else packet.copy(to, 4, 16, 20);
    check(sendto(v6 ? this.#fds.v6 : this.#fds.v4, packet, packet.length, 0, to, to.length), 'send a packet');
  }
}

/**
 * What comes from another namespace of this host has no checksum yet: the kernel leaves it to the network card that it
 * never reaches. IPv6 packets with further headers are sent as they are.
 */
export function writeChecksum(packet: Buffer): void {
  const v6 = packet[0]! >> 4 === 6;
  const at = v6 ? IPV6_HEADER_BYTES : (packet[0]! & 15) * 4;
  const protocol = v6 ? packet[6]! : packet[9]!;
  const segment = packet.subarray(at);
  if (protocol === IPPROTO_SCTP && segment.length >= 12) {
    segment.writeUInt32LE(0, 8);
    segment.writeUInt32LE(crc32c(segment), 8);
  }
  const field = protocol === IPPROTO_TCP ? 16 : protocol === IPPROTO_UDP ? 6 : undefined;
  if (field === undefined || segment.length < field + 2) return;
  segment.writeUInt16BE(0, field);
  // Summed up with the pseudo header: both addresses, the length, the protocol.
  const addresses = v6 ? packet.subarray(8, 40) : packet.subarray(12, 20);
  const rest = Buffer.from([0, protocol, segment.length >> 8, segment.length & 0xff]);
  const checksum = internetChecksum(Buffer.concat([addresses, rest, segment]));
  segment.writeUInt16BE(checksum === 0 && protocol === IPPROTO_UDP ? 0xffff : checksum, field);
}

let crcTable: Uint32Array | undefined;

/** Castagnoli's CRC (RFC 9260, appendix A). */
function crc32c(bytes: Buffer): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    return value >>> 0;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ crcTable[(crc ^ byte) & 0xff]!;
  return ~crc >>> 0;
}
