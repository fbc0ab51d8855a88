/**
 * Datagrams by the dozen: recvmmsg and sendmmsg over buffers that are laid out once. One call receives up to `slots`
 * datagrams; each can be answered in place, in its own buffer and to the address that it came from, and one call sends
 * the answers. Structures are those of 64-bit Linux (x86-64 and arm64 agree).
 */
import { KernelError } from './errors.ts';
import { addressOf, errnoOfLastCall, recvmmsg, sendmmsg } from './ffi.ts';
import { MSG_DONTWAIT } from './socket.ts';
import { parseSockaddr, type SocketName } from './socket-address.ts';

// struct mmsghdr { struct msghdr { name*, namelen, iov*, iovlen, control*, controllen, flags }, len }
const HEADER_BYTES = 64;
const NAME_LENGTH_OFFSET = 8;
const IOVEC_OFFSET = 16;
const IOVEC_COUNT_OFFSET = 24;
const FLAGS_OFFSET = 48;
const LENGTH_OFFSET = 56;
const IOVEC_BYTES = 16; // struct iovec { base*, len }
const NAME_BYTES = 32; // sockaddr_in6 has 28
const MSG_TRUNC = 0x20;
const MSG_NOSIGNAL = 0x4000;

export interface Datagram {
  /** The whole slot: the first `length` bytes are the datagram, an answer may be written over it. */
  readonly buffer: Buffer;
  readonly length: number;
  /** Longer than the slot: cut off. */
  readonly truncated: boolean;
}

export class DatagramBatch {
  readonly slots: number;
  readonly slotBytes: number;
  readonly #data: Buffer;
  readonly #names: Buffer;
  readonly #vectors: Buffer;
  readonly #headers: Buffer; // for receiving: slot i is header i
  readonly #sendVectors: Buffer;
  readonly #sendHeaders: Buffer; // for sending: in the order of queueing
  // Addresses of each slot's name and data as two words, and the send structures as words: BigInts would cost more than
  // everything else that is done for a datagram here.
  readonly #nameWords: Uint32Array;
  readonly #dataWords: Uint32Array;
  readonly #sendHeaderWords: Uint32Array;
  readonly #sendVectorWords: Uint32Array;
  #queued = 0;
  #received: number; // how many name lengths the last receive has overwritten

  constructor(options: { slots?: number; slotBytes?: number } = {}) {
    this.slots = options.slots ?? 64;
    this.slotBytes = options.slotBytes ?? 4096;
    const { slots, slotBytes } = this;
    this.#received = slots;
    this.#data = Buffer.alloc(Math.max(128, slots * slotBytes));
    this.#names = Buffer.alloc(Math.max(128, slots * NAME_BYTES));
    this.#vectors = Buffer.alloc(Math.max(128, slots * IOVEC_BYTES));
    this.#headers = Buffer.alloc(Math.max(128, slots * HEADER_BYTES));
    this.#sendVectors = Buffer.alloc(Math.max(128, slots * IOVEC_BYTES));
    this.#sendHeaders = Buffer.alloc(Math.max(128, slots * HEADER_BYTES));
    const nameAddress = addressOf(this.#names);
    const dataAddress = addressOf(this.#data);
    this.#nameWords = new Uint32Array(slots * 2);
    this.#dataWords = new Uint32Array(slots * 2);
    this.#sendHeaderWords = wordsOf(this.#sendHeaders);
    this.#sendVectorWords = wordsOf(this.#sendVectors);
    const vectorAddress = addressOf(this.#vectors);
    const sendVectorAddress = addressOf(this.#sendVectors);
    for (let slot = 0; slot < slots; slot++) {
      const data = dataAddress + BigInt(slot * slotBytes);
      const name = nameAddress + BigInt(slot * NAME_BYTES);
      this.#dataWords.set(halves(data), slot * 2);
      this.#nameWords.set(halves(name), slot * 2);
      this.#vectors.writeBigUInt64LE(data, slot * IOVEC_BYTES);
      this.#vectors.writeBigUInt64LE(BigInt(slotBytes), slot * IOVEC_BYTES + 8);
      const header = slot * HEADER_BYTES;
      this.#headers.writeBigUInt64LE(name, header);
      this.#headers.writeBigUInt64LE(vectorAddress + BigInt(slot * IOVEC_BYTES), header + IOVEC_OFFSET);
      this.#headers.writeBigUInt64LE(1n, header + IOVEC_COUNT_OFFSET);
      this.#sendHeaders.writeBigUInt64LE(sendVectorAddress + BigInt(slot * IOVEC_BYTES), header + IOVEC_OFFSET);
      this.#sendHeaders.writeBigUInt64LE(1n, header + IOVEC_COUNT_OFFSET);
    }
  }

  /**
   * Receives what waits, without waiting, at most `limit`: returns how many datagrams are in slots 0.. now. What was
   * queued is forgotten.
   */
  recv(fd: number, limit = this.slots): number {
    this.#queued = 0;
    for (let slot = 0; slot < this.#received; slot++) {
      this.#headers.writeUInt32LE(NAME_BYTES, slot * HEADER_BYTES + NAME_LENGTH_OFFSET);
    }
    const count = recvmmsg(fd, this.#headers, Math.min(limit, this.slots), MSG_DONTWAIT, null);
    this.#received = Math.max(0, count);
    if (count >= 0) return count;
    const error = new KernelError(`receive datagrams from socket ${fd}`, errnoOfLastCall());
    // ECONNREFUSED and its like report what became of an earlier datagram of this socket, not of this call.
    if (['EAGAIN', 'EINTR', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'].includes(error.code)) return 0;
    throw error;
  }

  packet(slot: number): Datagram {
    const start = slot * this.slotBytes;
    const header = slot * HEADER_BYTES;
    return {
      buffer: this.#data.subarray(start, start + this.slotBytes),
      length: this.length(slot),
      truncated: (this.#headers.readUInt32LE(header + FLAGS_OFFSET) & MSG_TRUNC) !== 0,
    };
  }

  /** The whole data block; slot i begins at i * slotBytes. For codecs that work with offsets and make no objects. */
  get data(): Buffer {
    return this.#data;
  }

  length(slot: number): number {
    return this.#headers.readUInt32LE(slot * HEADER_BYTES + LENGTH_OFFSET);
  }

  /** Where the datagram in the slot came from. */
  source(slot: number): SocketName {
    return parseSockaddr(this.#names, slot * NAME_BYTES) ?? { address: '', port: 0 };
  }

  /** The source as raw sockaddr bytes (a copy), to answer later or to compare. */
  sourceBytes(slot: number): Buffer {
    const length = this.#headers.readUInt32LE(slot * HEADER_BYTES + NAME_LENGTH_OFFSET);
    return Buffer.from(this.#names.subarray(slot * NAME_BYTES, slot * NAME_BYTES + Math.min(length, NAME_BYTES)));
  }

  /** Queues the first `length` bytes of the slot as an answer to where its datagram came from. */
  queueReply(slot: number, length: number): void {
    const nameLength = this.#headers.readUInt32LE(slot * HEADER_BYTES + NAME_LENGTH_OFFSET);
    this.#queue(slot, length, nameLength);
  }

  /** Puts a datagram of its own into a free slot and queues it; `to` is a sockaddr (inetSockaddr). */
  queueTo(slot: number, payload: Uint8Array, to: Uint8Array): void {
    if (payload.length > this.slotBytes)
      throw new RangeError(`datagram of ${payload.length} bytes in a slot of ${this.slotBytes}`);
    this.#data.set(payload, slot * this.slotBytes);
    this.#names.set(to, slot * NAME_BYTES);
    this.#queue(slot, payload.length, to.length);
  }

  #queue(slot: number, length: number, nameLength: number): void {
    const index = this.#queued++;
    if (index >= this.slots) throw new RangeError('more datagrams queued than there are slots');
    const header = (index * HEADER_BYTES) / 4;
    const vector = (index * IOVEC_BYTES) / 4;
    this.#sendHeaderWords[header] = this.#nameWords[slot * 2]!;
    this.#sendHeaderWords[header + 1] = this.#nameWords[slot * 2 + 1]!;
    this.#sendHeaderWords[header + NAME_LENGTH_OFFSET / 4] = nameLength;
    this.#sendVectorWords[vector] = this.#dataWords[slot * 2]!;
    this.#sendVectorWords[vector + 1] = this.#dataWords[slot * 2 + 1]!;
    this.#sendVectorWords[vector + 2] = length; // the upper half stays 0
  }

  get queued(): number {
    return this.#queued;
  }

  /**
   * Sends what is queued and forgets it: how many went out. A datagram that its destination refuses is dropped, as the
   * network may drop any; when the socket's buffer is full the rest is dropped too.
   */
  send(fd: number): number {
    const total = this.#queued;
    this.#queued = 0;
    let done = 0;
    let sent = 0;
    while (done < total) {
      const headers = done === 0 ? this.#sendHeaders : this.#sendHeaders.subarray(done * HEADER_BYTES);
      const count = sendmmsg(fd, headers, total - done, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) {
        done += count;
        sent += count;
        continue;
      }
      const error = new KernelError(`send datagrams on socket ${fd}`, errnoOfLastCall());
      if (error.code === 'EBADF' || error.code === 'ENOTSOCK' || error.code === 'EFAULT') throw error;
      if (error.code === 'EAGAIN' || error.code === 'ENOBUFS') break;
      if (error.code !== 'EINTR') done++; // this one cannot be sent; the others can
    }
    return sent;
  }
}

const wordsOf = (buffer: Buffer): Uint32Array =>
  new Uint32Array(buffer.buffer, buffer.byteOffset, buffer.byteLength / 4);
const halves = (address: bigint): [number, number] => [Number(address & 0xffffffffn), Number(address >> 32n)];
