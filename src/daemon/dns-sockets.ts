/**
 * The kernel as the resolver uses it. All UDP sockets stand in one epoll set, and libuv watches that set: a wake-up
 * serves every socket that is ready, each a little and in turn, and looks again before it goes back to the event loop,
 * so under load the loop's own cost is paid once for hundreds of packets.
 */
import { errorMessage } from '../base/errors.ts';
import type { LineLog } from '../dns/log.ts';
import type { DatagramBatch as Batch, ResolverSockets } from '../dns/sockets.ts';
import { DatagramBatch } from '../kernel/datagram.ts';
import { check } from '../kernel/errors.ts';
import * as ffi from '../kernel/ffi.ts';
import { netnsIdentity, runInNetns } from '../kernel/netns.ts';
import { Poller } from '../kernel/poller.ts';
import { watchReadable } from '../kernel/fd-watch.ts';
import {
  closeFd,
  connectUdpSocket,
  MSG_DONTWAIT,
  openTcpListener,
  openUdpSocket,
  recvPacket,
  sendPacket,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from '../kernel/socket.ts';
import { AF_INET, AF_INET6 } from '../kernel/socket-address.ts';

/** For bursts: 10,000 questions that wait. The kernel takes the memory only while they do. */
const RECEIVE_BUFFER_BYTES = 4 << 20;
/**
 * What a wake-up does, counted in local answers, before others (control, TCP, forwarding) get their turn: less than a
 * millisecond. Much less, and the loop's own cost shows.
 */
const WORK_PER_WAKE_UP = 128;
const MAX_DATAGRAM_BYTES = 0x10000;

export function createResolverSockets(log: LineLog): ResolverSockets {
  const readers = new Map<number, () => number>();
  const poller = new Poller();
  const scratch = Buffer.allocUnsafe(MAX_DATAGRAM_BYTES);
  // A socket that was ready at the last poll and was not served yet is first in the next wake-up: none is skipped.
  let ready: number[] = [];
  let next = 0;
  watchReadable(poller.fd, () => {
    for (let work = 0; work < WORK_PER_WAKE_UP;) {
      if (next === ready.length) {
        ready = poller.wait(0);
        next = 0;
        if (ready.length === 0) return;
      }
      try {
        work += readers.get(ready[next++]!)?.() ?? 0; // absent: closed by one before it in this list
      } catch (error) {
        log.warn('cannot serve a socket', { error: errorMessage(error) });
        work += WORK_PER_WAKE_UP / 4;
      }
    }
  });
  return {
    openUdp: ({ netns, address, port }) =>
      openUdpSocket({ ...inNetns(netns), address, port, receiveBufferBytes: RECEIVE_BUFFER_BYTES }),
    connectUdp: ({ netns, address, port }) => connectUdpSocket({ ...inNetns(netns), address, port }),
    send: (fd, message) => void sendPacket(fd, message),
    receive: (fd) => {
      const length = recvPacket(fd, scratch);
      return length === undefined ? undefined : scratch.subarray(0, length);
    },
    openTcpListener: ({ netns, address, port }) => openTcpListener({ ...inNetns(netns), address, port }),
    openTcp: ({ netns, family }) =>
      runInNetns(netns, () =>
        check(
          ffi.socket(family === 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
          'open TCP socket',
        ),
      ),
    close: closeFd,
    netnsIdentity,
    watch: (fd, readable) => {
      readers.set(fd, readable);
      poller.add(fd);
      return {
        stop: () => {
          readers.delete(fd);
          poller.remove(fd);
        },
      };
    },
    batch: wrapBatch(new DatagramBatch()),
  };
}

const inNetns = (netns: string | undefined) => (netns === undefined ? {} : { netns });

function wrapBatch(batch: DatagramBatch): Batch {
  const { data, slots, slotBytes } = batch;
  return {
    data,
    slots,
    slotBytes,
    receive: (fd, limit) => batch.recv(fd, limit),
    offset: (index) => index * slotBytes,
    length: (index) => batch.length(index),
    sender: (index) => batch.sourceBytes(index),
    reply: (index, bytes) => batch.queueReply(index, bytes),
    flush: (fd) => {
      if (batch.queued > 0) batch.send(fd);
    },
    // Late answers are few: no batch is worth waiting for.
    sendTo: (fd, receiver, message) =>
      void ffi.sendto(fd, message, message.length, MSG_DONTWAIT, receiver, receiver.length),
  };
}
