/**
 * Reads a question where it lies, without allocating: one `Query` is filled again and again. Strict about what makes a
 * packet a question, indifferent to everything else in it.
 */
import { Flag, HEADER_BYTES, MAX_LABEL_BYTES, MAX_NAME_BYTES, RecordType, ResponseCode } from './constants.ts';
import { skipName } from './name.ts';

/** `parseQuery` returns this for packets that get no answer at all: too short, or themselves answers. */
export const NO_ANSWER = -1;

export class Query {
  /** Offset of the message and of what follows its one question. */
  start = 0;
  questionEnd = 0;
  type = 0;
  class = 0;
  /** Of the question with its name in lower case; 30 bits. */
  hash = 0;
  hasEdns = false;
  ednsVersion = 0;
  /** What the client can take over UDP; 512 without EDNS. */
  udpBytes = 512;
  dnssecOk = false;
}

/**
 * Fills `query` from `length` bytes at `start`. Returns the response code: NOERROR for a question to answer, NO_ANSWER,
 * or the error to send back with only a header.
 */
export function parseQuery(data: Uint8Array, start: number, length: number, query: Query): number {
  if (length < HEADER_BYTES) return NO_ANSWER;
  const flags = data[start + 2]!;
  if ((flags & Flag.QR) !== 0) return NO_ANSWER;
  query.start = start;
  query.hasEdns = false;
  query.udpBytes = 512;
  query.dnssecOk = false;
  query.ednsVersion = 0;
  query.questionEnd = start + HEADER_BYTES;
  if ((flags & 0x78) !== 0) return ResponseCode.NOTIMP;
  if (data[start + 4] !== 0 || data[start + 5] !== 1) return ResponseCode.FORMERR;

  const end = start + length;
  let at = start + HEADER_BYTES;
  let hash = 0x811c9dc5;
  for (;;) {
    if (at >= end) return ResponseCode.FORMERR;
    const label = data[at]!;
    if (label === 0) break;
    // Also refuses compression: there is nothing before the question to point to.
    if (label > MAX_LABEL_BYTES) return ResponseCode.FORMERR;
    const next = at + label + 1;
    if (next >= end || next - start - HEADER_BYTES + 1 > MAX_NAME_BYTES) return ResponseCode.FORMERR;
    hash = Math.imul(hash ^ label, 0x01000193);
    for (at++; at < next; at++) {
      let byte = data[at]!;
      if (byte >= 0x41 && byte <= 0x5a) byte |= 0x20;
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
  }
  if (at + 5 > end) return ResponseCode.FORMERR;
  query.type = (data[at + 1]! << 8) | data[at + 2]!;
  query.class = (data[at + 3]! << 8) | data[at + 4]!;
  hash = Math.imul(hash ^ query.type, 0x01000193);
  hash = Math.imul(hash ^ query.class, 0x01000193);
  query.hash = hash >>> 2;
  at += 5;
  query.questionEnd = at;
  if (data[start + 6] === 0 && data[start + 7] === 0 && data[start + 8] === 0 && data[start + 9] === 0) {
    if (data[start + 10] === 0 && data[start + 11] === 0) return ResponseCode.NOERROR;
  }
  return findEdns(data, at, end, query);
}

/** Walks the records behind the question. Its work ends with the packet, whatever the counts claim. */
function findEdns(data: Uint8Array, offset: number, end: number, query: Query): number {
  const count = (at: number) => (data[query.start + at]! << 8) | data[query.start + at + 1]!;
  const before = count(6) + count(8);
  const all = before + count(10);
  let at = offset;
  for (let index = 0; index < all; index++) {
    const owner = at;
    at = skipName(data, at, end);
    if (at < 0 || at + 10 > end) return ResponseCode.FORMERR;
    const type = (data[at]! << 8) | data[at + 1]!;
    const dataEnd = at + 10 + ((data[at + 8]! << 8) | data[at + 9]!);
    if (dataEnd > end) return ResponseCode.FORMERR;
    if (type === RecordType.OPT && index >= before) {
      if (query.hasEdns || data[owner] !== 0) return ResponseCode.FORMERR;
      query.hasEdns = true;
      query.udpBytes = Math.max(512, (data[at + 2]! << 8) | data[at + 3]!);
      query.ednsVersion = data[at + 5]!;
      query.dnssecOk = (data[at + 6]! & 0x80) !== 0;
    }
    at = dataEnd;
  }
  return ResponseCode.NOERROR;
}

/** True if the question in `data` is this one (`folded` has its name in lower case). */
export function isQuestion(data: Uint8Array, query: Query, folded: Uint8Array): boolean {
  const from = query.start + HEADER_BYTES;
  const bytes = query.questionEnd - from;
  if (folded.length !== bytes) return false;
  const nameEnd = bytes - 4;
  for (let index = 0; index < nameEnd; index++) {
    let byte = data[from + index]!;
    if (byte >= 0x41 && byte <= 0x5a) byte |= 0x20;
    if (byte !== folded[index]) return false;
  }
  for (let index = nameEnd; index < bytes; index++) if (data[from + index] !== folded[index]) return false;
  return true;
}

/**
 * A copy of the question's bytes with the name in lower case. Label lengths are below 64, so no byte of theirs changes.
 */
export function foldedQuestion(data: Uint8Array, query: Query): Uint8Array {
  // Not slice: of a Buffer that is a view, and the packet will be gone.
  const bytes = Uint8Array.from(data.subarray(query.start + HEADER_BYTES, query.questionEnd));
  for (let index = 0; index < bytes.length - 4; index++) {
    const byte = bytes[index]!;
    if (byte >= 0x41 && byte <= 0x5a) bytes[index] = byte | 0x20;
  }
  return bytes;
}
