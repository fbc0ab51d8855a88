/**
 * Domain names on the wire. As text a name has no final dot, the root is '', and bytes that would be ambiguous are
 * escaped as in master files (`\.`, `\\`, `\007`), so text and wire are one to one. Reading refuses whatever could loop
 * or grow: a compression pointer must point before every byte read so far, and a name ends at 255 bytes.
 */
import { MAX_LABEL_BYTES, MAX_NAME_BYTES } from './constants.ts';

/** A message that is not DNS. The text says what is wrong with it. */
export class MalformedMessage extends Error {}

/** The offset behind the name at `offset`, or -1 if there is no whole name. Does not follow pointers. */
export function skipName(data: Uint8Array, offset: number, end: number): number {
  let bytes = 1;
  for (let at = offset; at < end;) {
    const length = data[at]!;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2 <= end ? at + 2 : -1;
    if (length > MAX_LABEL_BYTES) return -1;
    bytes += length + 1;
    if (bytes > MAX_NAME_BYTES) return -1;
    at += length + 1;
  }
  return -1;
}

/** Reads the name at `offset`; pointers are relative to `start`, the first byte of the message. */
export function readName(data: Uint8Array, start: number, offset: number, end: number): { name: string; next: number } {
  const labels: string[] = [];
  let next = -1;
  let bytes = 1;
  let floor = offset; // pointers must go below this, which makes loops impossible
  for (let at = offset; ;) {
    if (at >= end) throw new MalformedMessage('a name runs past the end');
    const length = data[at]!;
    if (length === 0) return { name: labels.join('.'), next: next < 0 ? at + 1 : next };
    if (length >= 0xc0) {
      if (at + 1 >= end) throw new MalformedMessage('a pointer runs past the end');
      const target = start + (((length & 0x3f) << 8) | data[at + 1]!);
      if (target >= floor) throw new MalformedMessage('a pointer does not point backwards');
      if (next < 0) next = at + 2;
      floor = target;
      at = target;
      continue;
    }
    if (length > MAX_LABEL_BYTES) throw new MalformedMessage('a label has a reserved type');
    bytes += length + 1;
    if (bytes > MAX_NAME_BYTES) throw new MalformedMessage('a name is longer than 255 bytes');
    if (at + 1 + length > end) throw new MalformedMessage('a label runs past the end');
    labels.push(labelText(data, at + 1, at + 1 + length));
    at += 1 + length;
  }
}

function labelText(data: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let at = from; at < to; at++) {
    const byte = data[at]!;
    if (byte === 0x2e || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte > 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\${String(byte).padStart(3, '0')}`;
  }
  return text;
}

/** The labels of a name as bytes; undefined if it cannot be a domain name. A final dot is allowed. */
export function nameLabels(name: string): Uint8Array[] | undefined {
  if (name === '' || name === '.') return [];
  const labels: Uint8Array[] = [];
  let label: number[] = [];
  let bytes = 1;
  const finish = (): boolean => {
    if (label.length === 0 || label.length > MAX_LABEL_BYTES) return false;
    bytes += label.length + 1;
    labels.push(Uint8Array.from(label));
    label = [];
    return bytes <= MAX_NAME_BYTES;
  };
  for (let at = 0; at < name.length; at++) {
    const char = name.charCodeAt(at);
    if (char === 0x2e) {
      if (!finish()) return undefined;
    } else if (char === 0x5c) {
      const digits = /^[0-9]{3}/.exec(name.slice(at + 1, at + 4))?.[0];
      if (digits !== undefined) {
        if (Number(digits) > 255) return undefined;
        label.push(Number(digits));
        at += 3;
      } else {
        const next = name.charCodeAt(at + 1);
        if (Number.isNaN(next) || next > 0x7f) return undefined;
        label.push(next);
        at += 1;
      }
    } else {
      // Names with letters outside ASCII are looked up as the UTF-8 that clients send for them.
      if (char < 0x80) label.push(char);
      else {
        const point = name.codePointAt(at)!;
        if (point > 0xffff) at += 1;
        label.push(...Buffer.from(String.fromCodePoint(point)));
      }
    }
  }
  if (label.length > 0 && !finish()) return undefined;
  return labels;
}

/** Lower-cases ASCII letters only, as DNS compares names. */
export function foldName(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
