/**
 * The kernel as the resolver wants it. All UDP sockets stand in one epoll set, and libuv watches that set: a wake-up serves
 * every socket that is ready, and looks again before it goes back to the event loop, so under load the loop's own
 * cost is paid once for hundreds of packets.
 */
import { errorMessage } from '../base/errors.ts';
import type { LineLog } from '../dns/log.ts';
import type { DatagramBatch, ResolverSockets } from '../dns/sockets.ts';
import { check } from '../kernel/errors.ts';
import { FdWatch } from '../kernel/fd-watch.ts';
import * as ffi from '../kernel/ffi.ts';
import { netnsIdentity, runInNetns } from '../kernel/netns.ts';
import { closeFd, MSG_DONTWAIT, openTcpListener, openUdpSocket, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from '../kernel/socket.ts';
import { AF_INET, AF_INET6 } from '../kernel/socket-address.ts';

const SLOTS = 64;
const SLOT_BYTES = 4096;
const RECEIVE_BUFFER_BYTES = 1 << 20;
const MAX_LOOKS = 16;

export function createResolverSockets(log: LineLog): ResolverSockets {
  const readers = new Map<number, () => void>();
  const set = new ReadySet((fd) => readers.get(fd)?.(), log);
  return {
    openUdp: ({ netns, address, port }) =>
      openUdpSocket({ ...(netns === undefined ? {} : { netns }), address, port, ...(port === 0 ? {} : { receiveBufferBytes: RECEIVE_BUFFER_BYTES }) }),
    openTcpListener: ({ netns, address, port }) => openTcpListener({ ...(netns === undefined ? {} : { netns }), address, port }),
    openTcp: ({ netns, family }) =>
      runInNetns(netns, () =>
        check(ffi.socket(family === 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'open TCP socket'),
      ),
    close: closeFd,
    netnsIdentity,
    watch: (fd, readable) => {
      readers.set(fd, readable);
      set.add(fd);
      return {
        stop: () => {
          readers.delete(fd);
          set.remove(fd);
        },
      };
    },
    batch: new Batch(),
  };
}

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;
const EPOLL_CLOEXEC = 0o2000000;
// struct epoll_event is packed on x86-64 only.
const EVENT_BYTES = process.arch === 'x64' ? 12 : 16;
const EVENT_FD = process.arch === 'x64' ? 1 : 2;
const MAX_EVENTS = 64;

class ReadySet {
  readonly #fd: number;
  readonly #events = new Uint8Array(MAX_EVENTS * EVENT_BYTES);
  readonly #words = new Uint32Array(this.#events.buffer);
  readonly #ready: (fd: number) => void;
  readonly #log: LineLog;
  // Kept: libuv's handle goes with it.
  readonly #watch: FdWatch;

  constructor(ready: (fd: number) => void, log: LineLog) {
    this.#ready = ready;
    this.#log = log;
    this.#fd = check(ffi.epollCreate1(EPOLL_CLOEXEC), 'create epoll set');
    this.#watch = new FdWatch(this.#fd, { readable: true }, () => this.#serve()).unref();
  }

  #serve(): void {
    for (let look = 0; look < MAX_LOOKS; look++) {
      const count = ffi.epollWait(this.#fd, this.#events, MAX_EVENTS, 0);
      if (count <= 0) return;
      for (let index = 0; index < count; index++) {
        try {
          this.#ready(this.#words[(index * EVENT_BYTES) / 4 + EVENT_FD]!);
        } catch (error) {
          this.#log.warn('cannot serve a socket', { error: errorMessage(error) });
        }
      }
    }
  }

  #control(operation: number, fd: number, what: string): void {
    const event = new Uint8Array(EVENT_BYTES);
    const words = new Uint32Array(event.buffer);
    words[0] = EPOLLIN;
    words[EVENT_FD] = fd;
    check(ffi.epollCtl(this.#fd, operation, fd, event), what);
  }

  add(fd: number): void {
    this.#control(EPOLL_CTL_ADD, fd, `watch socket ${fd}`);
  }

  remove(fd: number): void {
    this.#control(EPOLL_CTL_DEL, fd, `stop watching socket ${fd}`);
  }
}

const MMSGHDR_BYTES = 64;
const NAME_BYTES = 16; // our sockets are IPv4

class Batch implements DatagramBatch {
  readonly slots = SLOTS;
  readonly slotBytes = SLOT_BYTES;
  readonly data = new Uint8Array(SLOTS * SLOT_BYTES);
  readonly #names = new Uint8Array(SLOTS * NAME_BYTES);
  readonly #receiveVectors = new Uint8Array(SLOTS * 16);
  readonly #sendVectors = new Uint8Array(SLOTS * 16);
  readonly #receiveHeaders = new Uint8Array(SLOTS * MMSGHDR_BYTES);
  readonly #sendHeaders = new Uint8Array(SLOTS * MMSGHDR_BYTES);
  readonly #receiveWords = new Uint32Array(this.#receiveHeaders.buffer);
  readonly #sendWords = new Uint32Array(this.#sendVectors.buffer);
  readonly #sendNames: Uint32Array;
  readonly #vectorPointers: Uint32Array;
  #queued = 0;

  constructor() {
    // Every receive slot has its buffer, name and vector for good. A send header is pointed at a slot when it is queued.
    const point = (bytes: Uint8Array, at: number, value: bigint) => new DataView(bytes.buffer).setBigUint64(at, value, true);
    for (let slot = 0; slot < SLOTS; slot++) {
      for (const [vectors, headers] of [
        [this.#receiveVectors, this.#receiveHeaders],
        [this.#sendVectors, this.#sendHeaders],
      ] as const) {
        point(vectors, slot * 16, ffi.addressOf(this.data) + BigInt(slot * SLOT_BYTES));
        point(vectors, slot * 16 + 8, BigInt(SLOT_BYTES));
        point(headers, slot * MMSGHDR_BYTES, ffi.addressOf(this.#names) + BigInt(slot * NAME_BYTES));
        point(headers, slot * MMSGHDR_BYTES + 8, BigInt(NAME_BYTES));
        point(headers, slot * MMSGHDR_BYTES + 16, ffi.addressOf(vectors) + BigInt(slot * 16));
        point(headers, slot * MMSGHDR_BYTES + 24, 1n);
      }
    }
    this.#sendNames = new Uint32Array(this.#sendHeaders.buffer);
    this.#vectorPointers = Uint32Array.from(new Uint32Array(this.#sendHeaders.buffer));
  }

  receive(fd: number): number {
    this.#queued = 0;
    const count = ffi.recvmmsg(fd, this.#receiveHeaders, SLOTS, MSG_DONTWAIT, null);
    return count < 0 ? 0 : count;
  }

  offset(index: number): number {
    return index * SLOT_BYTES;
  }

  length(index: number): number {
    return this.#receiveWords[index * 16 + 14]!;
  }

  sender(index: number): Uint8Array {
    return this.#names.slice(index * NAME_BYTES, (index + 1) * NAME_BYTES);
  }

  reply(index: number, bytes: number): void {
    const queued = this.#queued++;
    this.#sendWords[index * 4 + 2] = bytes;
    // Name and vector pointers of the slot, taken from the headers as they were set up.
    const from = index * 16;
    const to = queued * 16;
    this.#sendNames[to] = this.#vectorPointers[from]!;
    this.#sendNames[to + 1] = this.#vectorPointers[from + 1]!;
    this.#sendNames[to + 4] = this.#vectorPointers[from + 4]!;
    this.#sendNames[to + 5] = this.#vectorPointers[from + 5]!;
  }

  flush(fd: number): void {
    let sent = 0;
    while (sent < this.#queued) {
      const count = ffi.sendmmsg(fd, sent === 0 ? this.#sendHeaders : this.#sendHeaders.subarray(sent * MMSGHDR_BYTES), this.#queued - sent, MSG_DONTWAIT);
      // One that cannot be sent (the client's socket is gone, its buffer full) is skipped, not the ones behind it.
      sent += count > 0 ? count : 1;
    }
    this.#queued = 0;
  }

  sendTo(fd: number, receiver: Uint8Array, message: Uint8Array): void {
    ffi.sendto(fd, message, message.length, MSG_DONTWAIT, receiver, receiver.length);
  }
}
