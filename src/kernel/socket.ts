/**
 * Sockets as plain descriptors, made in the network namespace that is asked for. Non-blocking and close-on-exec. A
 * descriptor can be handed to Node: `dgram` `bind({fd})`, `net` `listen({fd})`; after that it is Node's to close.
 */
import { closeFd } from './descriptors.ts';
import { check, errnoNumber, isKernelError, KernelError } from './errors.ts';
import {
  bind,
  connect,
  errnoOfLastCall,
  getsockname,
  ifNameToIndex,
  ioctl,
  listen,
  recv,
  send,
  setsockopt,
  socket,
} from './ffi.ts';
import { runInNetns } from './netns.ts';
import { dropAll } from './socket-filter.ts';
import { AF_INET6, AF_UNIX, familyOf, inetSockaddr, ipBytes, parseSockaddr, unixSockaddr } from './socket-address.ts';

export { closeFd } from './descriptors.ts';

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
const SOCK_SEQPACKET = 5;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const MSG_DONTWAIT = 0x40;

const EAGAIN = errnoNumber('EAGAIN');
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const IPPROTO_IP = 0;
const IP_RECVERR = 11;
const IPPROTO_IPV6 = 41;
const IPV6_RECVERR = 25;
const IPV6_V6ONLY = 26;
const IPPROTO_SCTP = 132;

export function setSocketInt(fd: number, level: number, option: number, value: number, operation: string): void {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32LE(value, 0);
  check(setsockopt(fd, level, option, bytes, 4), operation);
}

/** Sets the buffers beyond the system's limit where permitted (CAP_NET_ADMIN), else up to it. */
export function setSocketBuffers(fd: number, sizes: { receiveBytes?: number; sendBytes?: number }): void {
  const set = (force: number, plain: number, value: number) => {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeInt32LE(value, 0);
    if (setsockopt(fd, SOL_SOCKET, force, bytes, 4) < 0)
      setSocketInt(fd, SOL_SOCKET, plain, value, 'set socket buffer');
  };
  if (sizes.receiveBytes !== undefined) set(SO_RCVBUFFORCE, SO_RCVBUF, sizes.receiveBytes);
  if (sizes.sendBytes !== undefined) set(SO_SNDBUFFORCE, SO_SNDBUF, sizes.sendBytes);
}

export interface UdpSocketOptions {
  readonly netns?: string;
  readonly address: string;
  /** 0: the kernel chooses; localPort(fd) tells. */
  readonly port: number;
  readonly reuseAddress?: boolean;
  readonly receiveBufferBytes?: number;
  readonly sendBufferBytes?: number;
}

/** A bound UDP socket. Port taken: KernelError EADDRINUSE; no such address here: EADDRNOTAVAIL. */
export function openUdpSocket(options: UdpSocketOptions): number {
  const { netns, address, port } = options;
  return runInNetns(netns, () => {
    const fd = openSocket(address, SOCK_DGRAM);
    return orClose(fd, () => {
      if (options.reuseAddress) setSocketInt(fd, SOL_SOCKET, SO_REUSEADDR, 1, 'set SO_REUSEADDR');
      setSocketBuffers(fd, { receiveBytes: options.receiveBufferBytes, sendBytes: options.sendBufferBytes });
      bindTo(fd, 'udp', address, port);
    });
  });
}

/**
 * A UDP socket that hears that peer alone, which may be on a link: 'fe80::1%eth0'; the kernel chooses its port, at
 * random. No way there: KernelError ENETUNREACH; and where a router says so, or nobody answers for the address, that is
 * the next receive's error.
 */
export function connectUdpSocket(options: { netns?: string; address: string; port: number }): number {
  const { netns, port } = options;
  const [address = '', zone] = options.address.split('%');
  return runInNetns(netns, () => {
    const name = inetSockaddr(address, port, scopeOf(zone));
    const fd = openSocket(address, SOCK_DGRAM);
    return orClose(fd, () => {
      const [level, option] = address.includes(':') ? [IPPROTO_IPV6, IPV6_RECVERR] : [IPPROTO_IP, IP_RECVERR];
      setSocketInt(fd, level, option, 1, 'ask for errors of the way');
      check(connect(fd, name, name.length), `connect to udp ${address}:${port}`);
    });
  });
}

/** The interface that an address is on, by name or number. Throws KernelError ENODEV where there is none. */
function scopeOf(zone: string | undefined): number {
  if (zone === undefined) return 0;
  const index = ifNameToIndex(zone) || Number(zone);
  if (!(index > 0 && index < 2 ** 31)) throw new KernelError(`find interface '${zone}'`, errnoNumber('ENODEV'));
  return index;
}

export interface TcpListenerOptions {
  readonly netns?: string;
  readonly address: string;
  readonly port: number;
  readonly backlog?: number;
  /** Default true, as every server does: connections of the last owner that linger in TIME_WAIT do not count. */
  readonly reuseAddress?: boolean;
}

export function openTcpListener(options: TcpListenerOptions): number {
  const { netns, address, port, backlog = 511, reuseAddress = true } = options;
  return runInNetns(netns, () => {
    const fd = openSocket(address, SOCK_STREAM);
    return orClose(fd, () => {
      if (reuseAddress) setSocketInt(fd, SOL_SOCKET, SO_REUSEADDR, 1, 'set SO_REUSEADDR');
      bindTo(fd, 'tcp', address, port);
      check(listen(fd, backlog), `listen on tcp ${address}:${port}`);
    });
  });
}

export type HeldProtocol = 'tcp' | 'udp' | 'sctp';

/**
 * Takes a port so that no other program can, and every program sees it taken (`ss -ln`), without ever serving it: a
 * filter on the socket drops whatever arrives. Without it a listener's backlog would complete handshakes that are never
 * accepted, and datagrams would fill a buffer; and while the firewall is being repaired a client that is dropped tries
 * again, where one that is refused gives up. 25 us, 3 KB of kernel memory. Taken: KernelError EADDRINUSE.
 *
 * SCTP on a kernel without it: no other program can have the port either, and the descriptor holds nothing.
 */
export function holdPort(request: { netns?: string; protocol: HeldProtocol; address: string; port: number }): number {
  const { netns, protocol, address, port } = request;
  return runInNetns(netns, () => {
    const fd = openHolder(protocol, address);
    return orClose(fd.number, () => {
      if (!fd.speaks) return;
      dropAll(fd.number);
      // Two UDP sockets that both ask for reuse share a port; a TCP listener never does.
      if (protocol !== 'udp') setSocketInt(fd.number, SOL_SOCKET, SO_REUSEADDR, 1, 'set SO_REUSEADDR');
      bindTo(fd.number, protocol, address, port);
      if (protocol !== 'udp') check(listen(fd.number, 1), `hold ${protocol} ${address}:${port}`);
    });
  });
}

function openHolder(protocol: HeldProtocol, address: string): { number: number; speaks: boolean } {
  if (protocol !== 'sctp')
    return { number: openSocket(address, protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM), speaks: true };
  try {
    return { number: openSocket(address, SOCK_STREAM, IPPROTO_SCTP), speaks: true };
  } catch (error) {
    if (!isKernelError(error, 'EPROTONOSUPPORT', 'ESOCKTNOSUPPORT')) throw error;
    return { number: openSocket(address, SOCK_DGRAM), speaks: false };
  }
}

function openSocket(address: string, type: number, protocol = 0): number {
  const family = familyOf(ipBytes(address));
  const fd = check(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol), `open socket for ${address}`);
  // '::' is IPv6 alone: 0.0.0.0 is bound in addition, under the same port number.
  if (family === AF_INET6) orClose(fd, () => setSocketInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, 'set IPV6_V6ONLY'));
  return fd;
}

function bindTo(fd: number, protocol: string, address: string, port: number): void {
  const name = inetSockaddr(address, port);
  check(bind(fd, name, name.length), `bind ${protocol} ${address}:${port}`);
}

function orClose(fd: number, work: () => void): number {
  try {
    work();
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

const nameBlock = Buffer.alloc(128);

/** The address and port that an IP socket is bound to. */
export function localName(fd: number): { address: string; port: number } {
  const size = nameBlock.subarray(120, 124);
  size.writeUInt32LE(112, 0);
  check(getsockname(fd, nameBlock, size), `read the name of socket ${fd}`);
  return parseSockaddr(nameBlock) ?? { address: '', port: 0 };
}

export function localPort(fd: number): number {
  return localName(fd).port;
}

/** Connects to a SOCK_SEQPACKET unix socket (conmon's attach socket). Non-blocking afterwards. */
export function connectSeqpacket(path: string): number {
  const name = unixSockaddr(path);
  const fd = check(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'open seqpacket socket');
  return orClose(fd, () => check(connect(fd, name, name.length), `connect to ${path}`));
}

/** A SOCK_DGRAM unix socket that others send to, at a path that is not there yet. Non-blocking. */
export function bindDatagram(path: string): number {
  const name = unixSockaddr(path);
  const fd = check(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'open datagram socket');
  return orClose(fd, () => check(bind(fd, name, name.length), `bind ${path}`));
}

/** Connects to a SOCK_DGRAM unix socket. Non-blocking. */
export function connectDatagram(path: string): number {
  const name = unixSockaddr(path);
  const fd = check(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'open datagram socket');
  return orClose(fd, () => check(connect(fd, name, name.length), `connect to ${path}`));
}

/**
 * One packet into `buffer`: its length; 0 at the end; undefined when none waits (with MSG_DONTWAIT or a non-blocking
 * fd).
 */
export function recvPacket(fd: number, buffer: Buffer, flags = MSG_DONTWAIT): number | undefined {
  const size = recv(fd, buffer, buffer.length, flags);
  if (size >= 0) return size;
  const errno = errnoOfLastCall();
  if (errno === EAGAIN) return undefined; // the usual end of what waits: no error is made for it
  throw new KernelError(`receive from socket ${fd}`, errno);
}

const SIOCOUTQ = 0x5411;
const queued = Buffer.alloc(4);

/** What was sent on a unix stream socket and is not read yet by the other side, with the kernel's overhead; 0: nothing. */
export function unreadBytes(fd: number): number {
  check(ioctl(fd, SIOCOUTQ, queued), `read the send queue of socket ${fd}`);
  return queued.readInt32LE(0);
}

/** Sends one packet; false where the peer's buffer is full now. */
export function sendPacket(fd: number, packet: Uint8Array): boolean {
  const MSG_NOSIGNAL = 0x4000;
  if (send(fd, packet, packet.length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true;
  const errno = errnoOfLastCall();
  if (errno === EAGAIN) return false;
  throw new KernelError(`send to socket ${fd}`, errno);
}
