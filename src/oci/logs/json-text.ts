/** JSON strings as Docker's json-file has them, written into a buffer: nothing is decoded that does not have to be. */

/** As many bytes as one byte of text can become. */
export const MAX_GROWTH = 6;

const HEX = Buffer.from('0123456789abcdef');
/** 0: as it is; 1: escaped; 2: the beginning of a character of several bytes, or none. */
const KIND = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x80 ? 2 : byte < 0x20 || '"\\<>&'.includes(String.fromCharCode(byte)) ? 1 : 0,
);

/**
 * Writes bytes `start` to `end` of `text` at `at`, without the quotes; where it ends. Bytes that are no UTF-8 become
 * U+FFFD, one for each.
 */
export function writeJsonText(out: Buffer, at: number, text: Buffer, start: number, end: number): number {
  let plain = start; // the beginning of what is copied as it is
  let to = at;
  for (let from = start; from < end;) {
    const kind = KIND[text[from]!];
    if (kind === 0) {
      from++;
      continue;
    }
    const size = kind === 1 ? 0 : characterBytes(text, from, end);
    if (size > 0 && !isLineSeparator(text, from)) {
      from += size;
      continue;
    }
    if (plain < from) to += text.copy(out, to, plain, from);
    to =
      size > 0
        ? writeEscape(out, to, 0x2028 + (text[from + 2]! & 1))
        : kind === 1
          ? writeByte(out, to, text[from]!)
          : writeEscape(out, to, 0xfffd);
    from += Math.max(1, size);
    plain = from;
  }
  if (plain < end) to += text.copy(out, to, plain, end);
  return to;
}

function writeByte(out: Buffer, at: number, byte: number): number {
  const letter = byte === 0x0a ? 0x6e : byte === 0x0d ? 0x72 : byte === 0x22 || byte === 0x5c ? byte : 0;
  if (letter === 0) return writeEscape(out, at, byte);
  out[at] = 0x5c;
  out[at + 1] = letter;
  return at + 2;
}

function writeEscape(out: Buffer, at: number, code: number): number {
  out[at] = 0x5c;
  out[at + 1] = 0x75;
  for (let digit = 0; digit < 4; digit++) out[at + 2 + digit] = HEX[(code >> (12 - 4 * digit)) & 15]!;
  return at + 6;
}

/** U+2028 and U+2029, which end lines in JavaScript: E2 80 A8 and A9. */
const isLineSeparator = (text: Buffer, at: number): boolean =>
  text[at] === 0xe2 && text[at + 1] === 0x80 && (text[at + 2]! & 0xfe) === 0xa8;

/** How long the character is that begins here; 0 where it is none. */
function characterBytes(text: Buffer, at: number, end: number): number {
  const first = text[at]!;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + size > end) return 0;
  const second = text[at + 1]!;
  // Neither overlong, nor half of a pair, nor beyond the last one.
  if (first === 0xe0 ? second < 0xa0 : first === 0xf0 ? second < 0x90 : second < 0x80) return 0;
  if (first === 0xed ? second > 0x9f : first === 0xf4 ? second > 0x8f : second > 0xbf) return 0;
  for (let i = 2; i < size; i++) if ((text[at + i]! & 0xc0) !== 0x80) return 0;
  return size;
}
