/**
 * Netlink messages as bytes: a writer that appends messages and attributes to one growing buffer, and readers that
 * never look outside the range they are given. Numbers are in host order (little-endian on every supported machine)
 * unless the name says BE.
 */
export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_CREATE = 0x400;
export const NLM_F_EXCL = 0x200;
export const NLM_F_APPEND = 0x800;
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const HEADER_BYTES = 16;

const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;
const ATTRIBUTE_MAX_BYTES = 0xffff;

const align = (length: number) => (length + 3) & ~3;

export class NetlinkWriter {
  #buffer: Buffer;
  #length = 0;
  #messageStart = 0;
  #messages = 0;

  constructor(initialBytes = 1024) {
    this.#buffer = Buffer.alloc(initialBytes);
  }

  get length(): number {
    return this.#length;
  }

  /** How many messages have been begun. */
  get messages(): number {
    return this.#messages;
  }

  /** The messages so far; valid until the next write. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
    this.#messages = 0;
  }

  begin(type: number, flags: number, sequence = 0): void {
    this.#messageStart = this.#length;
    this.#messages++;
    const at = this.#reserve(HEADER_BYTES);
    this.#buffer.writeUInt16LE(type, at + 4);
    this.#buffer.writeUInt16LE(flags, at + 6);
    this.#buffer.writeUInt32LE(sequence >>> 0, at + 8);
  }

  /** Ends the message that was begun last: its length is now known. */
  end(): void {
    this.#buffer.writeUInt32LE(this.#length - this.#messageStart, this.#messageStart);
  }

  /** The fixed structure after the header, or any further bytes; padded to 4. */
  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }

  attribute(type: number, bytes: Uint8Array): void {
    const at = this.#attributeHeader(type, bytes.length);
    this.#buffer.set(bytes, at);
  }

  attributeString(type: number, text: string): void {
    const size = Buffer.byteLength(text);
    const at = this.#attributeHeader(type, size + 1); // the terminating NUL counts
    this.#buffer.write(text, at);
  }

  attributeU8(type: number, value: number): void {
    this.#buffer.writeUInt8(value, this.#attributeHeader(type, 1));
  }

  attributeU16(type: number, value: number): void {
    const at = this.#attributeHeader(type, 2);
    this.#buffer.writeUInt16LE(value, at);
  }

  attributeU16BE(type: number, value: number): void {
    const at = this.#attributeHeader(type, 2);
    this.#buffer.writeUInt16BE(value, at);
  }

  attributeU32(type: number, value: number): void {
    const at = this.#attributeHeader(type, 4);
    this.#buffer.writeUInt32LE(value >>> 0, at);
  }

  attributeU32BE(type: number, value: number): void {
    const at = this.#attributeHeader(type, 4);
    this.#buffer.writeUInt32BE(value >>> 0, at);
  }

  attributeU64BE(type: number, value: bigint): void {
    const at = this.#attributeHeader(type, 8);
    this.#buffer.writeBigUInt64BE(value, at);
  }

  /** An attribute whose content is attributes. Longer than 65535 bytes is a RangeError: the length has 16 bits. */
  nest(type: number, content: () => void): void {
    const start = this.#length;
    this.#attributeHeader(type | NLA_F_NESTED, 0);
    content();
    this.#setAttributeLength(start);
  }

  /** As `nest`, with a structure before the attributes. */
  nestAfter(type: number, structure: Uint8Array, content: () => void): void {
    const start = this.#length;
    this.#attributeHeader(type | NLA_F_NESTED, 0);
    this.raw(structure);
    content();
    this.#setAttributeLength(start);
  }

  #setAttributeLength(start: number): void {
    const size = this.#length - start;
    if (size > ATTRIBUTE_MAX_BYTES) throw new RangeError(`netlink attribute of ${size} bytes`);
    this.#buffer.writeUInt16LE(size, start);
  }

  #attributeHeader(type: number, size: number): number {
    if (size + 4 > ATTRIBUTE_MAX_BYTES) throw new RangeError(`netlink attribute of ${size} bytes`);
    const at = this.#reserve(4 + size);
    this.#buffer.writeUInt16LE(4 + size, at);
    this.#buffer.writeUInt16LE(type, at + 2);
    return at + 4;
  }

  // Room for `size` bytes and their padding, zeroed, at the end.
  #reserve(size: number): number {
    const at = this.#length;
    const end = at + align(size);
    if (end > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(end, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    } else {
      this.#buffer.fill(0, at, end);
    }
    this.#length = end;
    return at;
  }
}

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
  /** What follows the header; a view of the receive buffer, gone at the next receive. */
  readonly payload: Buffer;
}

/** Splits what one receive gave. A length that does not fit ends it: what is left is not a message. */
export function* readMessages(buffer: Buffer): Generator<NetlinkMessage> {
  let at = 0;
  while (at + HEADER_BYTES <= buffer.length) {
    const length = buffer.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > buffer.length) return;
    yield {
      type: buffer.readUInt16LE(at + 4),
      flags: buffer.readUInt16LE(at + 6),
      sequence: buffer.readUInt32LE(at + 8),
      portId: buffer.readUInt32LE(at + 12),
      payload: buffer.subarray(at + HEADER_BYTES, at + length),
    };
    at += align(length);
  }
}

/** Calls `visit` for each attribute in order; the value is a view. Stops at a length that does not fit. */
export function eachAttribute(buffer: Buffer, start: number, visit: (type: number, value: Buffer) => void): void {
  let at = start;
  while (at + 4 <= buffer.length) {
    const length = buffer.readUInt16LE(at);
    if (length < 4 || at + length > buffer.length) return;
    visit(buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK, buffer.subarray(at + 4, at + length));
    at += align(length);
  }
}

/** The attributes by type; of two with one type the later. */
export function readAttributes(buffer: Buffer, start = 0): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  eachAttribute(buffer, start, (type, value) => attributes.set(type, value));
  return attributes;
}

/** Text up to the NUL that ends it. */
export function attributeText(value: Buffer | undefined): string {
  if (value === undefined) return '';
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end < 0 ? value.length : end);
}

export function attributeU32(value: Buffer | undefined): number | undefined {
  return value !== undefined && value.length >= 4 ? value.readUInt32LE(0) : undefined;
}

export function attributeU32BE(value: Buffer | undefined): number | undefined {
  return value !== undefined && value.length >= 4 ? value.readUInt32BE(0) : undefined;
}
