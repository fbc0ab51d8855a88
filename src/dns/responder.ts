/**
 * Answers the questions of one container in place: the packet that holds the question becomes the answer. Encoded
 * answers are kept by the bytes of the question (in lower case) until `forget`, so a repeated question costs a hash, a
 * comparison and a copy, and no allocation. The question's own bytes are sent back untouched, letter case included, and
 * records name it by a pointer, so one encoding serves every spelling. Several addresses start with another one each
 * time.
 */
import { Flag, HEADER_BYTES, RecordClass, RecordType, ResponseCode } from './constants.ts';
import { lookup, type CompiledZone, type LocalAnswer, type LocalRecord } from './lookup.ts';
import { MessageWriter } from './message.ts';
import { foldName, readName } from './name.ts';
import { foldedQuestion, isQuestion, NO_ANSWER, parseQuery, Query } from './query.ts';
import type { SandboxView } from '../base/dns-zone.ts';

/** What `answer` returns besides the length of an answer. */
export const DROP = 0;
export const FORWARD = -1;

/** The UDP size that the resolver advertises, and the maximum size of its answers. */
const OUR_UDP_BYTES = 4096;
const OPT_BYTES = 11;
const MAX_CACHED = 1024; // a container that asks for every type there is must not fill the resolver's memory
const POINTER_TO_QUESTION = 0xc000 | HEADER_BYTES;

interface EncodedAnswer {
  readonly question: Uint8Array;
  readonly records: Uint8Array;
  /** End of each record in `records`. */
  readonly ends: readonly number[];
  /** Bytes of every record where all are alike and may be rotated; else 0. */
  readonly stride: number;
  /** Addresses of service targets: left out where they do not fit. */
  readonly additional: Uint8Array;
  readonly additionalCount: number;
  turn: number;
  /** Another question with the same hash. */
  readonly next: EncodedAnswer | undefined;
}

export class Responder {
  readonly #zones: ReadonlyMap<string, CompiledZone>;
  #view: SandboxView;
  #cache = new Map<number, EncodedAnswer>();

  constructor(view: SandboxView, zones: ReadonlyMap<string, CompiledZone>) {
    this.#view = view;
    this.#zones = zones;
  }

  get view(): SandboxView {
    return this.#view;
  }

  replace(view: SandboxView): void {
    this.#view = view;
    this.forget();
  }

  /** To be called when a zone that the view names has changed. */
  forget(): void {
    if (this.#cache.size > 0) this.#cache = new Map();
  }

  /**
   * Turns the `length` bytes at `start` into the answer and returns its length; DROP if there is nothing to answer;
   * FORWARD if the name is not local (then the packet is untouched and `query` describes it). The answer has at most
   * `limit` bytes; for UDP (`udp`) at most what the client takes, and a longer one is cut and marked as truncated.
   */
  answer(data: Uint8Array, start: number, length: number, limit: number, udp: boolean, query: Query): number {
    const code = parseQuery(data, start, length, query);
    if (code === NO_ANSWER) return DROP;
    if (code !== ResponseCode.NOERROR) return writeHeaderOnly(data, start, code);
    if (query.ednsVersion !== 0) return writeBadVersion(data, query);
    let found = this.#cache.get(query.hash);
    while (found !== undefined && !isQuestion(data, query, found.question)) found = found.next;
    if (found === undefined) {
      const encoded = this.#encode(data, start, length, query);
      if (encoded === undefined) return FORWARD;
      found = encoded;
    }
    return writeAnswer(data, query, found, udp ? Math.min(limit, query.udpBytes) : limit);
  }

  #encode(data: Uint8Array, start: number, length: number, query: Query): EncodedAnswer | undefined {
    const { name } = readName(data, start, start + HEADER_BYTES, start + length);
    const local = lookup(this.#view, this.#zones, foldName(name), query.type);
    if (local === undefined) return undefined;
    if (this.#cache.size >= MAX_CACHED) this.forget();
    const inClass = query.class === RecordClass.IN || query.class === RecordClass.ANY;
    const encoded = encodeAnswer(
      foldedQuestion(data, query),
      inClass ? local : { ttlS: 0, records: [] },
      this.#cache.get(query.hash),
    );
    this.#cache.set(query.hash, encoded);
    return encoded;
  }
}

function encodeAnswer(question: Uint8Array, local: LocalAnswer, next: EncodedAnswer | undefined): EncodedAnswer {
  const writer = new MessageWriter();
  const ends: number[] = [];
  const head = (type: number) => {
    writer.uint16(POINTER_TO_QUESTION);
    writer.uint16(type);
    writer.uint16(RecordClass.IN);
    writer.uint32(local.ttlS);
  };
  for (const record of local.records) {
    head(record.type);
    const bytes = recordData(record);
    writer.uint16(bytes.length);
    writer.bytes(bytes);
    ends.push(writer.length);
  }
  const additional = new MessageWriter();
  let additionalCount = 0;
  for (const record of local.records) {
    if (record.type !== RecordType.SRV) continue;
    const { target, a, aaaa } = record.target;
    for (const [type, list] of [
      [RecordType.A, a],
      [RecordType.AAAA, aaaa],
    ] as const) {
      for (const address of list) {
        // A writer of its own for each: a pointer between them would depend on where the records before them end.
        const one = new MessageWriter();
        one.record({ name: target, type, class: RecordClass.IN, ttl: local.ttlS, data: { kind: 'address', address } });
        additional.bytes(one.finish());
        additionalCount += 1;
      }
    }
  }
  const types = new Set(local.records.map((record) => record.type));
  const rotates =
    local.records.length > 1 && types.size === 1 && (types.has(RecordType.A) || types.has(RecordType.AAAA));
  return {
    question,
    records: Uint8Array.from(writer.finish()),
    ends,
    stride: rotates ? ends[0]! : 0,
    additional: Uint8Array.from(additional.finish()),
    additionalCount,
    turn: 0,
    next,
  };
}

function recordData(record: LocalRecord): Uint8Array {
  if ('bytes' in record) return record.bytes;
  const writer = new MessageWriter();
  if (record.type === RecordType.SRV) {
    writer.uint16(0);
    writer.uint16(0);
    writer.uint16(record.target.port);
    writer.name(record.target.target, false);
  } else {
    writer.name(record.name);
  }
  return writer.finish();
}

function writeAnswer(data: Uint8Array, query: Query, answer: EncodedAnswer, limit: number): number {
  const { start } = query;
  const { records, ends, stride, additional } = answer;
  let at = query.questionEnd;
  const room = start + limit - at - (query.hasEdns ? OPT_BYTES : 0);
  let count = ends.length;
  let bytes = records.length;
  let flags = Flag.QR | (data[start + 2]! & Flag.RD);
  if (bytes > room) {
    flags |= Flag.TC;
    while (count > 0 && ends[count - 1]! > room) count -= 1;
    bytes = count === 0 ? 0 : ends[count - 1]!;
  }
  let from = 0;
  if (stride > 0) {
    from = answer.turn * stride;
    answer.turn = answer.turn + 1 < ends.length ? answer.turn + 1 : 0;
  }
  for (let left = bytes; left > 0; left--) {
    data[at++] = records[from++]!;
    if (from === records.length) from = 0;
  }
  let extra = 0;
  if (answer.additionalCount > 0 && bytes + additional.length <= room) {
    data.set(additional, at);
    at += additional.length;
    extra = answer.additionalCount;
  }
  data[start + 2] = flags;
  data[start + 3] = Flag.RA | (data[start + 3]! & Flag.CD);
  data[start + 6] = count >> 8;
  data[start + 7] = count & 0xff;
  return finish(data, query, at, extra, 0);
}

/** The authority and additional counts and the resolver's OPT record; returns the length of the answer. */
function finish(data: Uint8Array, query: Query, end: number, additionalCount: number, extendedCode: number): number {
  const { start } = query;
  let at = end;
  let extra = additionalCount;
  if (query.hasEdns) {
    extra += 1;
    data[at++] = 0;
    data[at++] = 0;
    data[at++] = RecordType.OPT;
    data[at++] = OUR_UDP_BYTES >> 8;
    data[at++] = OUR_UDP_BYTES & 0xff;
    data[at++] = extendedCode;
    data[at++] = 0;
    data[at++] = query.dnssecOk ? 0x80 : 0;
    data[at++] = 0;
    data[at++] = 0;
    data[at++] = 0;
  }
  data[start + 8] = 0;
  data[start + 9] = 0;
  data[start + 10] = extra >> 8;
  data[start + 11] = extra & 0xff;
  return at - start;
}

/**
 * Makes of the question an answer without records. `recursion` false says that no other servers are asked, as Docker
 * does for containers on internal networks.
 */
export function writeEmptyAnswer(data: Uint8Array, query: Query, code: number, recursion: boolean): number {
  const { start } = query;
  data[start + 2] = Flag.QR | (data[start + 2]! & Flag.RD);
  data[start + 3] = (recursion ? Flag.RA : 0) | (data[start + 3]! & Flag.CD) | code;
  data[start + 6] = 0;
  data[start + 7] = 0;
  return finish(data, query, query.questionEnd, 0, 0);
}

/** An EDNS version that is not defined yet: BADVERS (16), whose high bits are in the OPT record. */
function writeBadVersion(data: Uint8Array, query: Query): number {
  const { start } = query;
  data[start + 2] = Flag.QR | (data[start + 2]! & Flag.RD);
  data[start + 3] = Flag.RA;
  data[start + 6] = 0;
  data[start + 7] = 0;
  return finish(data, query, query.questionEnd, 0, 1);
}

/** What could not be read is not sent back: twelve bytes, never longer than what came in. */
function writeHeaderOnly(data: Uint8Array, start: number, code: number): number {
  data[start + 2] = Flag.QR | (data[start + 2]! & 0x79);
  data[start + 3] = Flag.RA | code;
  data.fill(0, start + 4, start + HEADER_BYTES);
  return HEADER_BYTES;
}
