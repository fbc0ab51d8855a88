/**
 * Frames of RFC 6455 as a server reads and writes them. What is carried are streams: messages have no meaning, and the
 * payload of a frame passes on as it comes, so that one of any length takes no room. Only control frames are collected,
 * of 125 bytes at most.
 */
export type Incoming =
  | { readonly kind: 'data'; readonly data: Buffer }
  | { readonly kind: 'ping'; readonly payload: Buffer }
  | { readonly kind: 'close' };

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** What a close frame says. */
export const CLOSE_CODE = { normal: 1000, violation: 1002 } as const;

/** The client does not keep to the protocol: nothing more of it is read. */
export class FrameViolation extends Error {}

const MAX_CONTROL_BYTES = 125;
const MASK_BYTES = 4;

interface Header {
  readonly opcode: number;
  readonly last: boolean;
  readonly sizeBytes: number;
  /** Of the header, with the mask. */
  readonly headerBytes: number;
}

export class FrameReader {
  #rest: Buffer = Buffer.alloc(0); // of a header or a control frame whose end has not come
  #leftBytes = 0; // of the payload that is passing
  #mask: Buffer = Buffer.alloc(MASK_BYTES);
  #maskAt = 0;
  #inMessage = false;

  /** What is complete with this chunk, whose bytes it changes. @throws FrameViolation */
  *read(chunk: Buffer): Generator<Incoming> {
    let input = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = Buffer.alloc(0);
    for (;;) {
      if (this.#leftBytes > 0) {
        if (input.length === 0) return;
        const data = input.subarray(0, this.#leftBytes);
        input = input.subarray(data.length);
        this.#leftBytes -= data.length;
        yield { kind: 'data', data: this.#unmask(data) };
        continue;
      }
      const header = parseHeader(input, this.#inMessage);
      const isControl = header !== undefined && header.opcode >= OPCODE.close;
      const neededBytes = header === undefined ? Infinity : header.headerBytes + (isControl ? header.sizeBytes : 0);
      if (header === undefined || input.length < neededBytes) {
        this.#rest = Buffer.from(input);
        return;
      }
      this.#mask = Buffer.from(input.subarray(header.headerBytes - MASK_BYTES, header.headerBytes));
      this.#maskAt = 0;
      const payload = input.subarray(header.headerBytes, neededBytes);
      input = input.subarray(neededBytes);
      if (header.opcode === OPCODE.close) return yield { kind: 'close' };
      if (header.opcode === OPCODE.ping) yield { kind: 'ping', payload: this.#unmask(payload) };
      if (isControl) continue;
      this.#inMessage = !header.last;
      this.#leftBytes = header.sizeBytes;
    }
  }

  #unmask(data: Buffer): Buffer {
    const start = this.#maskAt;
    for (let at = 0; at < data.length; at += 1) data[at]! ^= this.#mask[(start + at) % MASK_BYTES]!;
    this.#maskAt = (start + data.length) % MASK_BYTES;
    return data;
  }
}

/** Undefined where it is not whole yet. @throws FrameViolation */
function parseHeader(input: Buffer, inMessage: boolean): Header | undefined {
  if (input.length < 2) return undefined;
  const [first, second] = [input[0]!, input[1]!];
  const opcode = first & 0x0f;
  const last = (first & 0x80) !== 0;
  const shortBytes = second & 0x7f;
  if ((first & 0x70) !== 0) throw new FrameViolation('reserved bits are set, and no extension was agreed on');
  if ((second & 0x80) === 0) throw new FrameViolation('a frame of a client is not masked');
  if (!Object.values<number>(OPCODE).includes(opcode)) throw new FrameViolation(`opcode ${opcode} is not defined`);
  if (opcode >= OPCODE.close && (!last || shortBytes > MAX_CONTROL_BYTES))
    throw new FrameViolation('a control frame is in pieces, or too long');
  if (opcode < OPCODE.close && (opcode === OPCODE.continuation) !== inMessage)
    throw new FrameViolation('a message begins within another, or goes on without a beginning');
  const sizeFieldBytes = shortBytes === 126 ? 2 : shortBytes === 127 ? 8 : 0;
  const headerBytes = 2 + sizeFieldBytes + MASK_BYTES;
  if (input.length < headerBytes) return undefined;
  const size =
    sizeFieldBytes === 8 ? input.readBigUInt64BE(2) : sizeFieldBytes === 2 ? input.readUInt16BE(2) : shortBytes;
  if (size > Number.MAX_SAFE_INTEGER) throw new FrameViolation('a frame is longer than any can be');
  return { opcode, last, sizeBytes: Number(size), headerBytes };
}

/** The header of a whole message of a server: not masked. */
export function frameHeader(opcode: number, sizeBytes: number): Buffer {
  if (sizeBytes < 126) return Buffer.from([0x80 | opcode, sizeBytes]);
  const header = Buffer.alloc(sizeBytes < 65_536 ? 4 : 10);
  header[0] = 0x80 | opcode;
  header[1] = header.length === 4 ? 126 : 127;
  if (header.length === 4) header.writeUInt16BE(sizeBytes, 2);
  else header.writeBigUInt64BE(BigInt(sizeBytes), 2);
  return header;
}

/** A whole control frame. */
export const controlFrame = (opcode: number, payload: Buffer): Buffer =>
  Buffer.concat([frameHeader(opcode, payload.length), payload]);

export function closeFrame(code: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return controlFrame(OPCODE.close, payload);
}
