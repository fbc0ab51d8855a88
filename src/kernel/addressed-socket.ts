/**
 * An IPv6 UDP socket on all addresses that knows at which of them it was asked, and answers from there: the kernel
 * would take the address that its route to the client suggests, and on a host with several the client would not know
 * the answer for one. Structures are those of 64-bit Linux (x86-64 and arm64 agree).
 */
import { KernelError } from './errors.ts';
import { addressOf, errnoOfLastCall, ifIndexToName, recvmmsg, sendmmsg } from './ffi.ts';
import { ipText } from './socket-address.ts';
import { MSG_DONTWAIT, setSocketInt } from './socket.ts';

const IPPROTO_IPV6 = 41;
const IPV6_RECVPKTINFO = 49;
const IPV6_PKTINFO = 50;
const MSG_NOSIGNAL = 0x4000;

// One block: struct mmsghdr, struct iovec, sockaddr_in6, struct cmsghdr with struct in6_pktinfo { address[16],
// interface }, data.
const NAME_LENGTH = 8;
const CONTROL_LENGTH = 40;
const DATA_LENGTH = 56;
const VECTOR = 64;
const NAME = 80;
const NAME_BYTES = 28;
const CONTROL = 112;
const CONTROL_BYTES = 40; // 36 and padding
const INFO = CONTROL + 16;
const INFO_BYTES = 20;
const DATA = 256;
const DATA_BYTES = 65_536;

export interface AddressedDatagram {
  readonly payload: Buffer; // a copy
  /** The sender: a sockaddr_in6, the same bytes for the same sender. */
  readonly from: Buffer;
  /** Where it was sent to, for the answer. */
  readonly at: Buffer;
}

const nameBlock = Buffer.alloc(128);

/** The address that a datagram was sent to, and the interface that it came in by ('' if that is gone). */
export function arrivalOf({ at }: Pick<AddressedDatagram, 'at'>): { address: string; link: string } {
  return { address: ipText(at.subarray(0, 16)), link: ifIndexToName(at.readUInt32LE(16), nameBlock) ?? '' };
}

// One for all sockets: nothing of a call is in it any more when the call is over.
let shared: Buffer | undefined;

function scratch(): Buffer {
  if (shared) return shared;
  shared = Buffer.alloc(DATA + DATA_BYTES);
  const start = addressOf(shared);
  shared.writeBigUInt64LE(start + BigInt(NAME), 0);
  shared.writeBigUInt64LE(start + BigInt(VECTOR), 16);
  shared.writeBigUInt64LE(1n, 24);
  shared.writeBigUInt64LE(start + BigInt(CONTROL), 32);
  shared.writeBigUInt64LE(start + BigInt(DATA), VECTOR);
  return shared;
}

export class AddressedSocket {
  readonly #fd: number;

  /** `fd`: a bound IPv6 UDP socket, which stays the caller's to close. */
  constructor(fd: number) {
    this.#fd = fd;
    setSocketInt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, 'set IPV6_RECVPKTINFO');
  }

  /** What waits; undefined when nothing does. */
  receive(): AddressedDatagram | undefined {
    const block = scratch();
    block.writeUInt32LE(NAME_BYTES, NAME_LENGTH);
    block.writeBigUInt64LE(BigInt(CONTROL_BYTES), CONTROL_LENGTH);
    block.writeBigUInt64LE(BigInt(DATA_BYTES), VECTOR + 8);
    if (recvmmsg(this.#fd, block, 1, MSG_DONTWAIT, null) < 1) {
      const error = new KernelError(`receive from socket ${this.#fd}`, errnoOfLastCall());
      if (error.code === 'EAGAIN') return undefined;
      throw error;
    }
    return {
      payload: Buffer.from(block.subarray(DATA, DATA + block.readUInt32LE(DATA_LENGTH))),
      from: Buffer.from(block.subarray(NAME, NAME + NAME_BYTES)),
      at: Buffer.from(block.subarray(INFO, INFO + INFO_BYTES)),
    };
  }

  /** Sends to where a datagram came from, from where it was sent to. What cannot be sent is lost, as on any network. */
  answer({ from, at }: Pick<AddressedDatagram, 'from' | 'at'>, payload: Uint8Array): void {
    const block = scratch();
    from.copy(block, NAME);
    block.writeUInt32LE(NAME_BYTES, NAME_LENGTH);
    block.writeBigUInt64LE(BigInt(16 + INFO_BYTES), CONTROL);
    block.writeUInt32LE(IPPROTO_IPV6, CONTROL + 8);
    block.writeUInt32LE(IPV6_PKTINFO, CONTROL + 12);
    at.copy(block, INFO);
    // The way there is the route's choice. A link-local sender names its link itself.
    block.writeUInt32LE(0, INFO + 16);
    block.writeBigUInt64LE(BigInt(CONTROL_BYTES), CONTROL_LENGTH);
    block.set(payload, DATA);
    block.writeBigUInt64LE(BigInt(payload.length), VECTOR + 8);
    sendmmsg(this.#fd, block, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}
