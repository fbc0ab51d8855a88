/**
 * "This address is at this MAC now": a gratuitous ARP (IPv4) or an unsolicited neighbour advertisement (IPv6), so that
 * neighbours that remember a former owner send to the new one at once instead of when their entry has aged.
 */
import { errorMessage } from '../base/errors.ts';
import { closeFd } from './descriptors.ts';
import { check, errnoNumber, KernelError } from './errors.ts';
import { sendto, sendtoOnThread, socket } from './ffi.ts';
import { RouteSocket } from './netlink/route-socket.ts';
import { runInNetns } from './netns.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW } from './socket.ts';
import { ipBytes, macBytes } from './socket-address.ts';

const AF_PACKET = 17;
const ETH_P_IP6 = 0x86dd;
const ETH_P_ARP = 0x0806;
const BROADCAST = Buffer.alloc(6, 0xff);

/** Sends it once from the link in the namespace. The link has to be up (ENETDOWN), and to have that MAC (ENODEV). */
export function announceAddress(netns: string | undefined, ifname: string, ip: string, mac: string): void {
  const { fd, frame, to, operation } = prepare(netns, ifname, ip, mac);
  try {
    check(sendto(fd, frame, frame.length, 0, to, to.length), operation);
  } finally {
    closeFd(fd);
  }
}

/**
 * The same, without holding up the caller's thread: a bridge hands the frame to every one of its ports before the call
 * returns, at a thousand ports 2 ms for IPv4 and 10 ms for IPv6.
 */
export function announceAddressBeside(
  netns: string | undefined,
  ifname: string,
  ip: string,
  mac: string,
): Promise<void> {
  const { fd, frame, to, operation } = prepare(netns, ifname, ip, mac);
  return new Promise((resolve, reject) => {
    sendtoOnThread(fd, frame, frame.length, 0, to, to.length, (failure, result) => {
      closeFd(fd);
      // errno is the thread's, and lost.
      if (failure || result < 0) reject(new KernelError(operation, errnoNumber('EIO'), errorMessage(failure ?? '')));
      else resolve();
    });
  });
}

function prepare(
  netns: string | undefined,
  ifname: string,
  ip: string,
  mac: string,
): { fd: number; frame: Buffer; to: Buffer; operation: string } {
  const operation = `announce ${ip} on ${ifname}`;
  const address = ipBytes(ip);
  const frame =
    address.length === 4 ? gratuitousArp(address, macBytes(mac)) : neighbourAdvertisement(address, macBytes(mac));
  const routes = RouteSocket.open(netns);
  let link: ReturnType<RouteSocket['link']>;
  try {
    link = routes.link(ifname);
  } finally {
    routes.close();
  }
  // Another one of that name may be there meanwhile, with addresses of its own.
  if (link?.mac !== mac) throw new KernelError(operation, errnoNumber('ENODEV'));
  // struct sockaddr_ll { family, protocol (BE), ifindex, hatype, pkttype, halen, addr[8] }
  const to = Buffer.alloc(20);
  to.writeUInt16LE(AF_PACKET, 0);
  to.writeUInt16BE(frame.readUInt16BE(12), 2);
  to.writeInt32LE(link.index, 4);
  to[11] = 6;
  frame.copy(to, 12, 0, 6);
  const fd = runInNetns(netns, () => check(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), operation));
  return { fd, frame, to, operation };
}

/** An ARP request for the own address, which every host that has an entry takes as an update (RFC 5227, section 3). */
function gratuitousArp(address: Buffer, mac: Buffer): Buffer {
  const ethernet = Buffer.concat([BROADCAST, mac, u16(ETH_P_ARP)]);
  const types = Buffer.from([0, 1, 8, 0, 6, 4, 0, 1]); // Ethernet, IPv4, their lengths, request
  return Buffer.concat([ethernet, types, mac, address, Buffer.alloc(6), address]);
}

/** An unsolicited advertisement to all nodes, override flag set, with the target's link-layer address (RFC 4861). */
export function neighbourAdvertisement(address: Buffer, mac: Buffer): Buffer {
  const allNodes = ipBytes('ff02::1');
  const body = Buffer.concat([
    Buffer.from([136, 0, 0, 0, 0x20, 0, 0, 0]), // type, code, checksum, flags: override
    address,
    Buffer.from([2, 1]), // option: target link-layer address, 8 bytes
    mac,
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length, 0);
  body.writeUInt16BE(internetChecksum(Buffer.concat([address, allNodes, length, Buffer.from([0, 0, 0, 58]), body])), 2);
  const header = Buffer.from([0x60, 0, 0, 0, 0, body.length, 58, 255]); // hop limit 255 proves that no router passed it on
  const ethernet = Buffer.concat([Buffer.from([0x33, 0x33, 0, 0, 0, 1]), mac, u16(ETH_P_IP6)]);
  return Buffer.concat([ethernet, header, address, allNodes, body]);
}

/** The one's complement sum of RFC 1071. */
export function internetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2) sum += (bytes[index]! << 8) | (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function u16(value: number): Buffer {
  const out = Buffer.alloc(2);
  out.writeUInt16BE(value, 0);
  return out;
}
