/**
 * Whole DNS messages as values: `decodeMessage(encodeMessage(m))` gives `m` back. For everything that is not the hot
 * path (that reads and writes packets in place, see `query.ts` and `responder.ts`). Names are compressed when written.
 */
import { isIPv6 } from 'node:net';
import { Flag, HEADER_BYTES, RecordType } from './constants.ts';
import { addressBytes, formatAddress } from './address.ts';
import { foldName, MalformedMessage, nameLabels, readName } from './name.ts';

export interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export type RecordData =
  | { readonly kind: 'address'; readonly address: string } // A, AAAA
  | { readonly kind: 'name'; readonly name: string } // PTR, CNAME, NS
  | {
      readonly kind: 'service';
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }; // everything else, untouched

export interface ResourceRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly data: RecordData;
}

export interface Message {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  readonly rcode: number;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

/** A plain question that asks for recursion. */
export function question(id: number, name: string, type: number, options: { udpBytes?: number } = {}): Message {
  const opt: ResourceRecord = {
    name: '',
    type: RecordType.OPT,
    class: options.udpBytes ?? 0,
    ttl: 0,
    data: { kind: 'bytes', bytes: new Uint8Array() },
  };
  return {
    id,
    response: false,
    opcode: 0,
    authoritative: false,
    truncated: false,
    recursionDesired: true,
    recursionAvailable: false,
    authenticData: false,
    checkingDisabled: false,
    rcode: 0,
    questions: [{ name, type, class: 1 }],
    answers: [],
    authorities: [],
    additionals: options.udpBytes === undefined ? [] : [opt],
  };
}

/** Throws MalformedMessage; never reads outside `data`, and its work is bounded by the length of `data`. */
export function decodeMessage(data: Uint8Array): Message {
  if (data.length < HEADER_BYTES) throw new MalformedMessage('shorter than a header');
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const high = data[2]!;
  const low = data[3]!;
  let at = HEADER_BYTES;
  const need = (bytes: number): void => {
    if (at + bytes > data.length) throw new MalformedMessage('a record runs past the end');
  };
  const questions: Question[] = [];
  for (let left = view.getUint16(4); left > 0; left--) {
    const { name, next } = readName(data, 0, at, data.length);
    at = next;
    need(4);
    questions.push({ name, type: view.getUint16(at), class: view.getUint16(at + 2) });
    at += 4;
  }
  const records = (count: number): ResourceRecord[] => {
    const list: ResourceRecord[] = [];
    for (let left = count; left > 0; left--) {
      const { name, next } = readName(data, 0, at, data.length);
      at = next;
      need(10);
      const type = view.getUint16(at);
      const bytes = view.getUint16(at + 8);
      const head = { name, type, class: view.getUint16(at + 2), ttl: view.getUint32(at + 4) };
      at += 10;
      need(bytes);
      list.push({ ...head, data: decodeData(data, view, type, at, at + bytes) });
      at += bytes;
    }
    return list;
  };
  return {
    id: view.getUint16(0),
    response: (high & Flag.QR) !== 0,
    opcode: (high >> 3) & 15,
    authoritative: (high & Flag.AA) !== 0,
    truncated: (high & Flag.TC) !== 0,
    recursionDesired: (high & Flag.RD) !== 0,
    recursionAvailable: (low & Flag.RA) !== 0,
    authenticData: (low & Flag.AD) !== 0,
    checkingDisabled: (low & Flag.CD) !== 0,
    rcode: low & 15,
    questions,
    answers: records(view.getUint16(6)),
    authorities: records(view.getUint16(8)),
    additionals: records(view.getUint16(10)),
  };
}

function decodeData(data: Uint8Array, view: DataView, type: number, from: number, to: number): RecordData {
  if ((type === RecordType.A && to - from === 4) || (type === RecordType.AAAA && to - from === 16)) {
    return { kind: 'address', address: formatAddress(data.subarray(from, to)) };
  }
  if (type === RecordType.PTR || type === RecordType.CNAME || type === RecordType.NS) {
    const { name, next } = readName(data, 0, from, to);
    if (next !== to) throw new MalformedMessage('a record is longer than its name');
    return { kind: 'name', name };
  }
  if (type === RecordType.SRV && to - from >= 7) {
    const { name, next } = readName(data, 0, from + 6, to);
    if (next !== to) throw new MalformedMessage('a record is longer than its name');
    return {
      kind: 'service',
      priority: view.getUint16(from),
      weight: view.getUint16(from + 2),
      port: view.getUint16(from + 4),
      target: name,
    };
  }
  return { kind: 'bytes', bytes: Uint8Array.from(data.subarray(from, to)) };
}

/** Throws MalformedMessage if a name cannot be written or the message would not fit into 64 KiB. */
export function encodeMessage(message: Message): Buffer {
  const writer = new MessageWriter();
  writer.uint16(message.id);
  writer.uint8(
    (message.response ? Flag.QR : 0) |
      ((message.opcode & 15) << 3) |
      (message.authoritative ? Flag.AA : 0) |
      (message.truncated ? Flag.TC : 0) |
      (message.recursionDesired ? Flag.RD : 0),
  );
  writer.uint8(
    (message.recursionAvailable ? Flag.RA : 0) |
      (message.authenticData ? Flag.AD : 0) |
      (message.checkingDisabled ? Flag.CD : 0) |
      (message.rcode & 15),
  );
  for (const list of [message.questions, message.answers, message.authorities, message.additionals])
    writer.uint16(list.length);
  for (const { name, type, class: kind } of message.questions) {
    writer.name(name);
    writer.uint16(type);
    writer.uint16(kind);
  }
  for (const list of [message.answers, message.authorities, message.additionals]) {
    for (const record of list) writer.record(record);
  }
  return writer.finish();
}

/** Writes records one after the other and remembers the positions of names, so that later ones point to them. */
export class MessageWriter {
  #buffer = Buffer.allocUnsafe(512);
  #length = 0;
  readonly #known = new Map<string, number>();

  get length(): number {
    return this.#length;
  }

  #room(bytes: number): void {
    if (this.#length + bytes > 0xffff) throw new MalformedMessage('a message would be larger than 64 KiB');
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }

  uint8(value: number): void {
    this.#room(1);
    this.#length = this.#buffer.writeUInt8(value, this.#length);
  }

  uint16(value: number): void {
    this.#room(2);
    this.#length = this.#buffer.writeUInt16BE(value, this.#length);
  }

  uint32(value: number): void {
    this.#room(4);
    this.#length = this.#buffer.writeUInt32BE(value >>> 0, this.#length);
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** `compress` false for targets of SRV records, which old clients do not expect compressed (RFC 2782). */
  name(name: string, compress = true): void {
    const labels = nameLabels(name);
    if (labels === undefined) throw new MalformedMessage(`not a domain name: ${name}`);
    for (let index = 0; index < labels.length; index++) {
      // Latin-1 keeps bytes apart, and the length byte keeps "a.b" of one label from "a.b" of two.
      const suffix = foldName(
        labels
          .slice(index)
          .map((label) => String.fromCharCode(label.length) + Buffer.from(label).toString('latin1'))
          .join(''),
      );
      const seen = this.#known.get(suffix);
      if (compress && seen !== undefined) {
        this.uint16(0xc000 | seen);
        return;
      }
      if (this.#length < 0x4000 && seen === undefined) this.#known.set(suffix, this.#length);
      this.uint8(labels[index]!.length);
      this.bytes(labels[index]!);
    }
    this.uint8(0);
  }

  record(record: ResourceRecord): void {
    this.name(record.name);
    this.uint16(record.type);
    this.uint16(record.class);
    this.uint32(record.ttl);
    this.uint16(0);
    const from = this.#length;
    this.#data(record);
    this.#buffer.writeUInt16BE(this.#length - from, from - 2);
  }

  #data({ type, data }: ResourceRecord): void {
    switch (data.kind) {
      case 'address': {
        const bytes = addressBytes(data.address);
        const wanted = type === RecordType.AAAA ? 16 : 4;
        if (bytes?.length !== wanted)
          throw new MalformedMessage(
            `not an IPv${isIPv6(data.address) || wanted === 16 ? 6 : 4} address: ${data.address}`,
          );
        this.bytes(bytes);
        return;
      }
      case 'name':
        this.name(data.name);
        return;
      case 'service':
        this.uint16(data.priority);
        this.uint16(data.weight);
        this.uint16(data.port);
        this.name(data.target, false);
        return;
      case 'bytes':
        this.bytes(data.bytes);
    }
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}
