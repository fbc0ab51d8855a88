/**
 * Servers that tell their callers what address they saw, and callers in any network namespace, all in this process:
 * hundreds of packets can be on their way at once, so a whole table of who reaches whom takes no longer than one answer
 * that does not come. SCTP is spoken by hand (an INIT and its INIT ACK), as a kernel may track and translate it without
 * having it.
 */
import { EventEmitter, once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { DatagramBatch } from '../../src/kernel/datagram.ts';
import { check, isKernelError } from '../../src/kernel/errors.ts';
import { connect, bind, errnoOfLastCall, send, sendto, socket } from '../../src/kernel/ffi.ts';
import { FdWatch } from '../../src/kernel/fd-watch.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { runInNetns } from '../../src/kernel/netns.ts';
import { AF_INET, AF_INET6, inetSockaddr, macBytes } from '../../src/kernel/socket-address.ts';
import {
  closeFd,
  openTcpListener,
  openUdpSocket,
  recvPacket,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOCK_STREAM,
} from '../../src/kernel/socket.ts';
import {
  decodeSctp,
  echoRequest,
  encodeSctp,
  encodeUdp,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  isEchoReply,
  withoutIpHeader,
  type UdpDatagram,
} from './packet-codec.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp' | 'icmp';

export interface Question {
  readonly from: string | undefined; // a namespace; undefined = the host
  readonly protocol: Protocol;
  readonly to: string;
  readonly port?: number; // not for icmp
  /** For a link-local address: the number of the interface. */
  readonly scopeId?: number;
  readonly source?: string;
  /** How long an answer may take. */
  readonly patienceMs?: number;
}

const UNANSWERED_MS = 2_500;
/**
 * Turns of the event loop in which no socket had anything new. A socket that had its share of a turn is read on in the
 * next.
 */
const QUIET_TURNS = 5;
const AGAIN_MS = 700; // datagrams may be lost; TCP tries again by itself

const EINPROGRESS = 115;
const AF_PACKET = 17;
const ETH_P_ALL = 3;
const ETHERTYPE = { 4: 0x0800, 6: 0x86dd } as const;

export class Packets {
  readonly #servers: Server[] = [];
  readonly #watches: { watch: FdWatch; fd: number }[] = [];
  /** Answered, and not yet acknowledged: one whose caller went with its network would keep this process for minutes. */
  readonly #clients = new Set<Socket>();
  readonly #seen = new Map<string, string>();
  readonly #heard = new EventEmitter().setMaxListeners(0);
  #lastId = 20_000;

  /** What of the datagrams with that text came to a UDP server of ours: the source that it had there. */
  seen(text: string): string | undefined {
    return this.#seen.get(text);
  }

  /**
   * Waits until all of these texts have come, and then until everything that came before them is read: the kernel keeps
   * the order of what is injected in one go, but each socket is read by itself. False: some did not come.
   */
  async arrive(texts: readonly string[], patienceMs = 10_000): Promise<boolean> {
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), patienceMs);
    const all = (): boolean => texts.every((text) => this.#seen.has(text));
    while (!all() && !over.signal.aborted) await once(this.#heard, 'packet', { signal: over.signal }).catch(() => {});
    clearTimeout(timer);
    for (
      let quiet = 0, known = this.#seen.size;
      quiet < QUIET_TURNS;
      quiet = this.#seen.size === known ? quiet + 1 : 0
    ) {
      known = this.#seen.size;
      await new Promise(setImmediate);
    }
    return all();
  }

  #note(text: string, source: string): void {
    this.#seen.set(text, source);
    this.#heard.emit('packet');
  }

  /** Without `answer`, each is told its address. */
  serveTcp(netns: string | undefined, port: number, address: string, answer?: string): void {
    const server = createServer((client) => {
      this.#clients.add(client.on('error', () => {}).once('close', () => this.#clients.delete(client)));
      client.end(answer ?? plain(client.remoteAddress ?? ''));
    });
    server.listen({ fd: openTcpListener({ netns, address, port }) });
    this.#servers.push(server);
  }

  serveUdp(netns: string | undefined, port: number, address: string, answer?: string): void {
    const batch = new DatagramBatch({ slots: 32, slotBytes: 512 });
    const fd = openUdpSocket({ netns, address, port });
    this.#watch(fd, () => {
      const count = batch.recv(fd);
      for (let slot = 0; slot < count; slot++) {
        const source = batch.source(slot).address;
        const { buffer, length } = batch.packet(slot);
        this.#note(buffer.toString('utf8', 0, length), source);
        batch.queueReply(slot, buffer.write(answer ?? source));
      }
      batch.send(fd);
    });
  }

  /** Notes what comes (`seen`) and says nothing: two that answer each other would never end. */
  hearUdp(netns: string | undefined, port: number, address: string): void {
    const batch = new DatagramBatch({ slots: 32, slotBytes: 512 });
    const fd = openUdpSocket({ netns, address, port });
    this.#watch(fd, () => {
      const count = batch.recv(fd);
      for (let slot = 0; slot < count; slot++) {
        const { buffer, length } = batch.packet(slot);
        this.#note(buffer.toString('utf8', 0, length), batch.source(slot).address);
      }
    });
  }

  /** Answers each INIT to the port whose checksum is right. */
  serveSctp(netns: string | undefined, port: number, version: 4 | 6): void {
    const batch = new DatagramBatch({ slots: 32, slotBytes: 512 });
    const fd = rawSocket(netns, version, IPPROTO_SCTP);
    this.#watch(fd, () => {
      const count = batch.recv(fd);
      for (let slot = 0; slot < count; slot++) {
        const { buffer, length } = batch.packet(slot);
        const packet = decodeSctp(withoutIpHeader(version, buffer.subarray(0, length)));
        if (packet?.chunk !== 'init' || packet.destinationPort !== port) continue;
        const { address } = batch.source(slot);
        const answer = encodeSctp({
          sourcePort: port,
          destinationPort: packet.sourcePort,
          tag: packet.initiateTag,
          chunk: 'init-ack',
          initiateTag: 7,
          text: address,
        });
        batch.queueTo(slot, answer, inetSockaddr(address, 0));
      }
      batch.send(fd);
    });
  }

  /** The caller's address as the server saw it ('echo' for icmp), or '' where no answer comes. */
  async ask(question: Question): Promise<string> {
    const { protocol, to } = question;
    const version = to.includes(':') ? 6 : 4;
    const id = ++this.#lastId;
    switch (protocol) {
      case 'tcp':
        return this.#exchange(question, openFor(question, SOCK_STREAM, 0), undefined, (answer) => answer.toString());
      case 'udp':
        return this.#exchange(question, openFor(question, SOCK_DGRAM, 0), Buffer.from(`question ${id}`), (answer) =>
          answer.toString(),
        );
      case 'icmp': {
        const fd = openFor(question, SOCK_RAW, version === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
        return this.#exchange(question, fd, echoRequest(version, id), (answer) =>
          isEchoReply(version, withoutIpHeader(version, answer), id) ? 'echo' : undefined,
        );
      }
      case 'sctp': {
        const init = encodeSctp({
          sourcePort: id,
          destinationPort: question.port!,
          tag: 0,
          chunk: 'init',
          initiateTag: id,
          text: '',
        });
        return this.#exchange(question, openFor(question, SOCK_RAW, IPPROTO_SCTP), init, (answer) => {
          const packet = decodeSctp(withoutIpHeader(version, answer));
          return packet?.chunk === 'init-ack' && packet.destinationPort === id && packet.tag === id
            ? packet.text
            : undefined;
        });
      }
    }
  }

  /** Sends on a connected socket until `read` makes something of an answer. */
  #exchange(
    question: Question,
    fd: number | undefined,
    request: Buffer | undefined,
    read: (answer: Buffer) => string | undefined,
  ): Promise<string> {
    if (fd === undefined) return Promise.resolve('');
    const buffer = Buffer.alloc(2048);
    return new Promise((resolve) => {
      let ended = false;
      const end = (answer: string) => {
        ended = true;
        clearTimeout(timeout);
        clearInterval(again);
        watch.close();
        closeFd(fd);
        resolve(answer);
      };
      const receive = () => {
        try {
          for (let size = recvPacket(fd, buffer); size !== undefined; size = recvPacket(fd, buffer)) {
            const answer = size === 0 ? '' : read(buffer.subarray(0, size));
            if (answer !== undefined) return end(answer);
          }
        } catch (error) {
          if (
            !isKernelError(
              error,
              'ECONNREFUSED',
              'ECONNRESET',
              'EHOSTUNREACH',
              'ENETUNREACH',
              'EPROTO',
              'ENOPROTOOPT',
              'EACCES',
            )
          )
            throw error;
          end('');
        }
      };
      // Timers come before the sockets' turn: if this process was held up, the question may still wait for the server,
      // which is in it too, or the answer for its reader.
      const giveUp = async (): Promise<void> => {
        for (let turn = 0; turn < QUIET_TURNS; turn++) await new Promise(setImmediate);
        if (!ended) end('');
      };
      const watch = new FdWatch(fd, { readable: true }, receive);
      const ask = () => void (request && send(fd, request, request.length, 0));
      const timeout = setTimeout(() => void giveUp(), question.patienceMs ?? UNANSWERED_MS);
      const again = setInterval(ask, AGAIN_MS);
      ask();
    });
  }

  /** Puts a datagram on the wire behind `link` of a namespace as it is, past routing and filters there. */
  inject(netns: string | undefined, link: string, mac: string, datagram: UdpDatagram): void {
    const packet = encodeUdp(datagram);
    const fd = runInNetns(netns, () => check(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'open packet socket'));
    const to = linkAddress(indexOf(netns, link), ETHERTYPE[datagram.source.includes(':') ? 6 : 4]);
    to[11] = 6;
    macBytes(mac).copy(to, 12);
    check(sendto(fd, packet, packet.length, 0, to, to.length), 'send on packet socket');
    closeFd(fd);
  }

  /** The same for a whole frame, its Ethernet header included. */
  injectFrame(netns: string | undefined, link: string, frame: Buffer): void {
    const fd = runInNetns(netns, () => check(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), 'open packet socket'));
    const to = linkAddress(indexOf(netns, link));
    check(sendto(fd, frame, frame.length, 0, to, to.length), 'send on packet socket');
    closeFd(fd);
  }

  /** Notes the text in <> at the end of each frame that comes in over `link`, whatever the frame is (`seen`). */
  hearFrames(netns: string | undefined, link: string): void {
    const buffer = Buffer.alloc(2048);
    const fd = runInNetns(netns, () =>
      check(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'open packet socket'),
    );
    const from = linkAddress(indexOf(netns, link), ETH_P_ALL);
    check(bind(fd, from, from.length), `bind packet socket to ${link}`);
    this.#watch(fd, () => {
      for (let size = recvPacket(fd, buffer); size !== undefined; size = recvPacket(fd, buffer)) {
        const text = /<[^<>]+>$/.exec(buffer.toString('latin1', 0, size))?.[0];
        if (text) this.#note(text, link);
      }
    });
  }

  close(): void {
    for (const client of this.#clients) client.destroy();
    for (const server of this.#servers) server.close();
    for (const { watch, fd } of this.#watches) {
      watch.close();
      closeFd(fd);
    }
  }

  #watch(fd: number, ready: () => void): void {
    this.#watches.push({ watch: new FdWatch(fd, { readable: true }, ready).unref(), fd });
  }
}

function indexOf(netns: string | undefined, link: string): number {
  const route = RouteSocket.open(netns);
  try {
    return route.link(link)!.index;
  } finally {
    route.close();
  }
}

/** struct sockaddr_ll. */
function linkAddress(index: number, protocol = 0): Buffer {
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(protocol, 2);
  address.writeUInt32LE(index, 4);
  return address;
}

const plain = (address: string): string => address.replace(/^::ffff:/, '').replace(/%.*/, '');

function rawSocket(netns: string | undefined, version: 4 | 6, protocol: number): number {
  return runInNetns(netns, () =>
    check(
      socket(version === 4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol),
      'open raw socket',
    ),
  );
}

/** A socket on its way to the address; undefined where the namespace has no route there. */
function openFor(
  { from, to, port = 0, scopeId = 0, source }: Question,
  type: number,
  protocol: number,
): number | undefined {
  return runInNetns(from, () => {
    const fd = check(
      socket(to.includes(':') ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol),
      'open socket',
    );
    if (source !== undefined) {
      const name = inetSockaddr(source, 0, scopeId);
      check(bind(fd, name, name.length), `bind ${source}`);
    }
    const name = inetSockaddr(to, type === SOCK_RAW ? 0 : port, scopeId);
    if (connect(fd, name, name.length) === 0 || errnoOfLastCall() === EINPROGRESS) return fd;
    closeFd(fd);
    return undefined;
  });
}
