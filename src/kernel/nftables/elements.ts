/**
 * Elements of sets and maps as netlink attributes, both ways. Keys and data are the bytes that the kernel compares:
 * each field of a concatenation in network order and padded to 4 bytes (`concatenate` does it), marks in host order.
 */
import { attributeU32BE, eachAttribute, readAttributes, type NetlinkWriter } from '../netlink/message.ts';
import { verdictCode, verdictName, type VerdictName } from './protocol.ts';

export interface Verdict {
  readonly verdict: VerdictName;
  /** For jump and goto. */
  readonly chain?: string;
}

export interface SetElement {
  readonly key: Buffer;
  /** The last key of an interval, itself included. */
  readonly keyEnd?: Buffer;
  /** A map's value. */
  readonly data?: Buffer | Verdict;
  /** The comment that `nft list` shows; at most 127 bytes. */
  readonly comment?: string;
  readonly timeoutMs?: number;
}

/** One key of several fields: each padded with zeros to a multiple of 4 bytes, as registers hold them. */
export function concatenate(...fields: readonly Uint8Array[]): Buffer {
  const padded = fields.map((field) => {
    const out = Buffer.alloc((field.length + 3) & ~3);
    out.set(field);
    return out;
  });
  return Buffer.concat(padded);
}

/** An interface name as a field: 16 bytes, zero-filled. */
export function interfaceNameField(name: string): Buffer {
  const out = Buffer.alloc(16);
  out.write(name, 0, 15);
  return out;
}

/** A port, or another number of 16 bits, in network order. */
export function u16Field(value: number): Buffer {
  const out = Buffer.alloc(2);
  out.writeUInt16BE(value, 0);
  return out;
}

/** A mark: 32 bits in host order. */
export function markField(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value >>> 0, 0);
  return out;
}

const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_FLAGS = 3;
const NFTA_SET_ELEM_TIMEOUT = 4;
const NFTA_SET_ELEM_USERDATA = 6;
const NFTA_SET_ELEM_KEY_END = 10;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
const NFT_SET_ELEM_INTERVAL_END = 1;
const COMMENT_MAX_BYTES = 127;

/**
 * How a set keeps intervals: a set of one field as two elements, the start and the first key after the end; a
 * concatenation as one element with both ends in it.
 */
export type IntervalForm = 'pair' | 'inside';

/** Writes the list entries of one element: one, or two for an interval in a set that keeps pairs. */
export function writeElement(writer: NetlinkWriter, element: SetElement, form: IntervalForm, withData: boolean): void {
  const { key } = element;
  // A set that keeps pairs takes a start without an end for everything from there on.
  const keyEnd = element.keyEnd ?? (form === 'pair' ? key : undefined);
  writer.nest(NFTA_LIST_ELEM, () => {
    writeValue(writer, NFTA_SET_ELEM_KEY, key);
    if (keyEnd && form === 'inside') writeValue(writer, NFTA_SET_ELEM_KEY_END, keyEnd);
    if (!withData) return;
    if (element.data !== undefined) writeData(writer, NFTA_SET_ELEM_DATA, element.data);
    if (element.timeoutMs !== undefined) writer.attributeU64BE(NFTA_SET_ELEM_TIMEOUT, BigInt(element.timeoutMs));
    if (element.comment !== undefined) writer.attribute(NFTA_SET_ELEM_USERDATA, commentBytes(element.comment));
  });
  const after = keyEnd && form === 'pair' ? nextKey(keyEnd) : undefined;
  if (!after) return; // an interval up to the last key has no element after it
  writer.nest(NFTA_LIST_ELEM, () => {
    writer.attributeU32BE(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
    writeValue(writer, NFTA_SET_ELEM_KEY, after);
  });
}

/** Writes the list entry that asks for an element by its key. */
export function writeKey(writer: NetlinkWriter, element: SetElement, form: IntervalForm): void {
  writer.nest(NFTA_LIST_ELEM, () => {
    writeValue(writer, NFTA_SET_ELEM_KEY, element.key);
    if (element.keyEnd && form === 'inside') writeValue(writer, NFTA_SET_ELEM_KEY_END, element.keyEnd);
  });
}

/** The most bytes that `writeElement` may add: what fits into one message is counted with it. */
export function elementMaxBytes(element: SetElement): number {
  const data = element.data instanceof Uint8Array ? element.data.length : 160;
  return 2 * (element.key.length + 28) + data + COMMENT_MAX_BYTES + 48;
}

function writeValue(writer: NetlinkWriter, type: number, value: Uint8Array): void {
  writer.nest(type, () => writer.attribute(NFTA_DATA_VALUE, value));
}

/** NFTA_DATA_VALUE or NFTA_DATA_VERDICT in an attribute of the given type. */
export function writeData(writer: NetlinkWriter, type: number, data: Uint8Array | Verdict): void {
  if (data instanceof Uint8Array) return writeValue(writer, type, data);
  writer.nest(type, () =>
    writer.nest(NFTA_DATA_VERDICT, () => {
      writer.attributeU32BE(NFTA_VERDICT_CODE, verdictCode(data.verdict));
      if (data.chain !== undefined) writer.attributeString(NFTA_VERDICT_CHAIN, data.chain);
    }),
  );
}

// nft's own format for comments: type 0, length, text with its NUL.
function commentBytes(comment: string): Buffer {
  const text = Buffer.from(comment).subarray(0, COMMENT_MAX_BYTES);
  return Buffer.concat([Buffer.from([0, text.length + 1]), text, Buffer.from([0])]);
}

/** The key after this one; undefined after the last. */
export function nextKey(key: Buffer): Buffer | undefined {
  const next = Buffer.from(key);
  for (let index = next.length - 1; index >= 0; index--) {
    const byte = next[index]!;
    next[index] = (byte + 1) & 0xff;
    if (byte !== 0xff) return next;
  }
  return undefined;
}

function previousKey(key: Buffer): Buffer {
  const previous = Buffer.from(key);
  for (let index = previous.length - 1; index >= 0; index--) {
    const byte = previous[index]!;
    previous[index] = (byte - 1) & 0xff;
    if (byte !== 0) break;
  }
  return previous;
}

/** An entry as the kernel lists it; `end` marks the first key after an interval. */
export interface ListedElement {
  readonly element: SetElement;
  readonly end: boolean;
}

/** Reads one NFTA_LIST_ELEM; undefined for the catch-all element and for what is cut short. Copies what it keeps. */
export function parseElement(value: Buffer): ListedElement | undefined {
  const attributes = readAttributes(value);
  const key = parseValue(attributes.get(NFTA_SET_ELEM_KEY));
  if (!key) return undefined;
  const keyEnd = parseValue(attributes.get(NFTA_SET_ELEM_KEY_END));
  const data = parseData(attributes.get(NFTA_SET_ELEM_DATA));
  const comment = parseComment(attributes.get(NFTA_SET_ELEM_USERDATA));
  const flags = attributeU32BE(attributes.get(NFTA_SET_ELEM_FLAGS)) ?? 0;
  const element: SetElement = {
    key,
    ...(keyEnd ? { keyEnd } : {}),
    ...(data ? { data } : {}),
    ...(comment === undefined ? {} : { comment }),
  };
  return { element, end: (flags & NFT_SET_ELEM_INTERVAL_END) !== 0 };
}

function parseValue(value: Buffer | undefined): Buffer | undefined {
  const bytes = value && readAttributes(value).get(NFTA_DATA_VALUE);
  return bytes && Buffer.from(bytes);
}

function parseData(value: Buffer | undefined): Buffer | Verdict | undefined {
  if (!value) return undefined;
  const verdict = readAttributes(value).get(NFTA_DATA_VERDICT);
  if (!verdict) return parseValue(value);
  const attributes = readAttributes(verdict);
  const name = verdictName((attributeU32BE(attributes.get(NFTA_VERDICT_CODE)) ?? 0) | 0);
  if (name === undefined) return undefined;
  const chain = attributes.get(NFTA_VERDICT_CHAIN);
  return chain ? { verdict: name, chain: chain.toString('utf8', 0, Math.max(0, chain.length - 1)) } : { verdict: name };
}

function parseComment(value: Buffer | undefined): string | undefined {
  let at = 0;
  while (value && at + 2 <= value.length) {
    const end = at + 2 + value[at + 1]!;
    if (end > value.length) return undefined;
    if (value[at] === 0) return value.toString('utf8', at + 2, Math.max(at + 2, end - 1));
    at = end;
  }
  return undefined;
}

/** The entries of NFTA_SET_ELEM_LIST_ELEMENTS. */
export function parseElements(list: Buffer): ListedElement[] {
  const elements: ListedElement[] = [];
  eachAttribute(list, 0, (type, value) => {
    const element = type === NFTA_LIST_ELEM ? parseElement(value) : undefined;
    if (element) elements.push(element);
  });
  return elements;
}

/** Puts pairs of a start and the key after the end together again, in key order. */
export function joinIntervals(listed: readonly ListedElement[], intervals: boolean): SetElement[] {
  if (!intervals) return listed.map(({ element }) => element);
  // An end sorts before a start with the same key: intervals that touch.
  const sorted = [...listed].sort(
    (a, b) => Buffer.compare(a.element.key, b.element.key) || Number(b.end) - Number(a.end),
  );
  const joined: SetElement[] = [];
  sorted.forEach(({ element, end }, index) => {
    if (end) return;
    const next = sorted[index + 1];
    const last = next ? element.key : Buffer.alloc(element.key.length, 0xff);
    joined.push({ ...element, keyEnd: next?.end ? previousKey(next.element.key) : last });
  });
  return joined;
}
