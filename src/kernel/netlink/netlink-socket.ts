/**
 * A netlink socket in a network namespace, for requests and dumps.
 *
 * The kernel works on a request while it is being sent, so the answer waits when `send` returns and nothing here ever
 * blocks; a receive timeout turns the answer that does not come (it never happened) into an error instead of a hang.
 */
import { errorMessage } from '../../base/errors.ts';
import { closeFd } from '../descriptors.ts';
import { check, errnoNumber, KernelError } from '../errors.ts';
import { watchReadable, type FdWatch } from '../fd-watch.ts';
import { bind, errnoOfLastCall, getsockname, recv, send, sendOnThread, setsockopt, socket } from '../ffi.ts';
import { runInNetns } from '../netns.ts';
import { MSG_DONTWAIT, setSocketBuffers, setSocketInt, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW } from '../socket.ts';
import {
  attributeText,
  HEADER_BYTES,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  readAttributes,
  readMessages,
  type NetlinkMessage,
  type NetlinkWriter,
} from './message.ts';

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const AF_NETLINK = 16;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_TRUNC = 0x20;
const REPLY_TIMEOUT_S = 10;
const DUMP_ATTEMPTS = 5;
const RECEIVE_ATTEMPTS = 3;
const READ_AGAIN_MS = 200;

// The kernel fills at most 32 KiB of a dump into one receive. One buffer for all sockets: nothing is read concurrently.
const receiveBuffer = Buffer.alloc(128 * 1024);

export interface NetlinkReply {
  readonly sequence: number;
  readonly error: KernelError | undefined;
}

/** Of all sockets of this process since it started: what grows where it should not shows here. */
export const netlinkTraffic = { sentBytes: 0, receivedBytes: 0 };

export class NetlinkSocket {
  readonly fd: number;
  /** The address that the kernel gave; notifications of what this socket changed carry it. */
  readonly portId: number;
  #sequence = 1;
  #open = true;

  private constructor(fd: number, portId: number) {
    this.fd = fd;
    this.portId = portId;
  }

  /** Opens in the namespace at the path and stays in it. 20 us. */
  static open(
    protocol: number,
    options: { netns?: string; nonBlocking?: boolean; groups?: readonly number[] } = {},
  ): NetlinkSocket {
    return runInNetns(options.netns, () => {
      const type = SOCK_RAW | SOCK_CLOEXEC | (options.nonBlocking ? SOCK_NONBLOCK : 0);
      const fd = check(socket(AF_NETLINK, type, protocol), 'open netlink socket');
      try {
        const name = Buffer.alloc(12);
        name.writeUInt16LE(AF_NETLINK, 0);
        check(bind(fd, name, 12), 'bind netlink socket');
        const size = Buffer.alloc(4);
        size.writeUInt32LE(12, 0);
        check(getsockname(fd, name, size), 'name of netlink socket');
        setSocketInt(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1, 'ask for extended acknowledgements');
        setSocketInt(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1, 'ask for short acknowledgements');
        const timeout = Buffer.alloc(16);
        timeout.writeBigInt64LE(BigInt(REPLY_TIMEOUT_S), 0);
        check(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout, 16), 'set receive timeout');
        for (const group of options.groups ?? []) {
          setSocketInt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group, `join netlink group ${group}`);
        }
        return new NetlinkSocket(fd, name.readUInt32LE(4));
      } catch (error) {
        closeFd(fd);
        throw error;
      }
    });
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeFd(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Dump requests are checked strictly and filtered by the kernel (Linux 4.20; before it everything is sent). */
  checkStrictly(): void {
    const on = Buffer.from([1, 0, 0, 0]);
    setsockopt(this.fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, on, 4);
  }

  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }

  send(bytes: Buffer, operation: string): void {
    this.#countSent(bytes, operation);
    check(send(this.fd, bytes, bytes.length, 0), operation);
  }

  /**
   * The same on another thread, for what keeps the kernel busy for long. `bytes` stay as they are until it resolves.
   */
  sendOnThread(bytes: Buffer, operation: string): Promise<void> {
    this.#countSent(bytes, operation);
    return new Promise((resolve, reject) =>
      sendOnThread(this.fd, bytes, bytes.length, 0, (failure, result) => {
        if (failure || result < 0) reject(new KernelError(operation, errnoNumber('EIO'), errorMessage(failure ?? ''))); // its errno is the other thread's
        else resolve();
      }),
    );
  }

  #countSent(bytes: Buffer, operation: string): void {
    if (!this.#open) throw new KernelError(operation, errnoNumber('EBADF'), 'the netlink socket is closed');
    netlinkTraffic.sentBytes += bytes.length;
  }

  /** Sends one message and waits for its acknowledgement; messages that come before it go to `visit`. */
  request(writer: NetlinkWriter, operation: string, visit?: (message: NetlinkMessage) => void): void {
    const bytes = writer.bytes();
    const sequence = bytes.readUInt32LE(8);
    this.send(bytes, operation);
    const replies = this.#collect(sequence, [operation], visit);
    const error = replies[0]?.error;
    if (error) throw error;
  }

  /**
   * Sends several messages (numbered from `firstSequence` on, each asking for an acknowledgement) in one call. Each
   * takes effect on its own. Returns the replies in order.
   */
  requestMany(writer: NetlinkWriter, firstSequence: number, operations: readonly string[]): NetlinkReply[] {
    this.send(writer.bytes(), operations[0] ?? 'netlink');
    return this.#collect(firstSequence, operations);
  }

  #collect(first: number, operations: readonly string[], visit?: (message: NetlinkMessage) => void): NetlinkReply[] {
    const replies: NetlinkReply[] = [];
    while (replies.length < operations.length) {
      for (const message of readMessages(this.receive(operations[0] ?? 'netlink'))) {
        const operation = operations[(message.sequence - first) >>> 0];
        if (operation === undefined) continue; // a late answer to what was given up
        if (message.type === NLMSG_ERROR)
          replies.push({ sequence: message.sequence, error: readError(message, operation) });
        else visit?.(message);
      }
    }
    return replies;
  }

  /**
   * Sends a dump request and calls `visit` for every message of the answer. A table that changed while it was read is
   * read again (`restart` lets the caller forget what it has); after five times it throws EAGAIN.
   */
  dump(writer: NetlinkWriter, operation: string, visit: (message: NetlinkMessage) => void, restart: () => void): void {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      restart();
      this.send(writer.bytes(), operation);
      if (this.#readDump(operation, visit)) return;
    }
    throw new KernelError(operation, errnoNumber('EAGAIN'), 'it kept changing while it was read');
  }

  /**
   * The same with the kernel's walk on another thread, all of it where the answer fits one receive. `restart` is called
   * when that is over.
   */
  async dumpOnThread(
    writer: NetlinkWriter,
    operation: string,
    visit: (message: NetlinkMessage) => void,
    restart: () => void,
  ): Promise<void> {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      await this.sendOnThread(writer.bytes(), operation);
      restart();
      if (this.#readDump(operation, visit)) return;
    }
    throw new KernelError(operation, errnoNumber('EAGAIN'), 'it kept changing while it was read');
  }

  #readDump(operation: string, visit: (message: NetlinkMessage) => void): boolean {
    let consistent = true;
    for (;;) {
      for (const message of readMessages(this.receive(operation))) {
        if (message.flags & NLM_F_DUMP_INTR) consistent = false;
        if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
          const error = readError(message, operation);
          if (error && error.code !== 'EINTR') throw error;
          return consistent && !error;
        }
        visit(message);
      }
    }
  }

  /** One receive; a view that is valid until the next one on any netlink socket. */
  receive(operation: string): Buffer {
    const size = this.#receiveAnswer(operation);
    if (size > receiveBuffer.length) throw new KernelError(operation, errnoNumber('EMSGSIZE'));
    netlinkTraffic.receivedBytes += size;
    return receiveBuffer.subarray(0, size);
  }

  /** What was asked for has been done by now, or not: an answer that could not be taken just now is still there. */
  #receiveAnswer(operation: string): number {
    for (let attempt = 1; ; attempt++) {
      const size = recv(this.fd, receiveBuffer, receiveBuffer.length, MSG_TRUNC);
      if (size >= 0) return size;
      const error = new KernelError(operation, errnoOfLastCall());
      if (attempt === RECEIVE_ATTEMPTS || (error.code !== 'ENOMEM' && error.code !== 'EINTR')) throw error;
    }
  }

  /**
   * Reads all that waits, without waiting, and calls `visit` for each message. True if something was lost because the
   * socket's buffer was full (ENOBUFS).
   */
  drain(operation: string, visit: (message: NetlinkMessage) => void): boolean {
    let lost = false;
    for (;;) {
      const size = recv(this.fd, receiveBuffer, receiveBuffer.length, MSG_TRUNC | MSG_DONTWAIT);
      if (size >= 0) {
        netlinkTraffic.receivedBytes += size;
        if (size > receiveBuffer.length) lost = true;
        for (const message of readMessages(receiveBuffer.subarray(0, Math.min(size, receiveBuffer.length))))
          visit(message);
        continue;
      }
      const error = new KernelError(operation, errnoOfLastCall());
      if (error.code === 'EAGAIN') return lost;
      if (error.code === 'ENOBUFS') lost = true;
      else if (error.code !== 'EINTR') throw error;
    }
  }

  /**
   * Drains from the event loop whenever something comes: `visit` for each message, then `drained`. For a socket that
   * listens to groups; close the watch before the socket.
   */
  listen(operation: string, visit: (message: NetlinkMessage) => void, drained: (lost: boolean) => void): FdWatch {
    const read = () => {
      let lost = true;
      try {
        lost = this.drain(operation, visit);
      } catch (error) {
        // E.g. no memory for a message. There is no caller to report it to, so it is treated as if messages were lost;
        // and the rest is read in a moment.
        if (!(error instanceof KernelError)) throw error;
        watch.watch({});
        setTimeout(() => watch.watch({ readable: true }), READ_AGAIN_MS).unref();
      }
      drained(lost);
    };
    // An overflow is an error pending on the socket, which ends the watching; reading takes it off.
    const watch = watchReadable(this.fd, read, () => {
      watch.watch({ readable: true });
      read();
    });
    return watch;
  }

  setBuffers(sizes: { receiveBytes?: number; sendBytes?: number }): void {
    setSocketBuffers(this.fd, sizes);
  }
}

const NLMSGERR_ATTR_MSG = 1;

/** The error in an NLMSG_ERROR or NLMSG_DONE message, with the extended text; undefined for success. */
export function readError(message: NetlinkMessage, operation: string): KernelError | undefined {
  const { payload } = message;
  const errno = payload.length >= 4 ? -payload.readInt32LE(0) : 0;
  if (errno === 0) return undefined;
  return new KernelError(operation, errno, extendedText(message));
}

function extendedText(message: NetlinkMessage): string {
  const { payload, flags, type } = message;
  if (!(flags & NLM_F_ACK_TLVS)) return '';
  let start = 4;
  if (type === NLMSG_ERROR) {
    if (payload.length < 4 + HEADER_BYTES) return '';
    const echoed = flags & NLM_F_CAPPED ? HEADER_BYTES : payload.readUInt32LE(4);
    start += Math.ceil(echoed / 4) * 4; // a length that makes no sense stays positive, and past the end
  }
  return start > payload.length ? '' : attributeText(readAttributes(payload, start).get(NLMSGERR_ATTR_MSG));
}
