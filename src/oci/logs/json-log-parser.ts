/**
 * Reading json-file: one object a line, with the text of one line of output, or of a piece of it. What is no such object
 * (a line cut off by a full disk, another program's doing) is left out.
 */
import type { LogFrame } from '../../model/streams.ts';

const [NEWLINE, QUOTE, BACKSLASH, LETTER_N] = [0x0a, 0x22, 0x5c, 0x6e];
const PREFIX = '{"log":"';
const PREFIX_BYTES = [...Buffer.from(PREFIX)];
/** The longest piece, every byte of it escaped, and a great many attributes. */
const RECORD_LIMIT_BYTES = 1024 * 1024;

type Rest = Omit<LogFrame, 'data'>;

/** Bytes of the file in, frames out, which share their memory; keeps what is incomplete. */
export class JsonLogParser {
  #unread: Buffer = Buffer.alloc(0);
  #skipping = false;
  #lastRest: Buffer = Buffer.alloc(0);
  #known: Rest | undefined;

  push(bytes: Buffer): LogFrame[] {
    const text = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    const frames: LogFrame[] = [];
    let start = 0;
    for (let end = text.indexOf(NEWLINE, start); end >= 0; end = text.indexOf(NEWLINE, start)) {
      const frame = this.#skipping ? undefined : this.#line(text, start, end);
      if (frame) frames.push(frame);
      this.#skipping = false;
      start = end + 1;
    }
    if (text.length - start > RECORD_LIMIT_BYTES) this.#skipping = true;
    this.#unread = this.#skipping ? Buffer.alloc(0) : Buffer.from(text.subarray(start));
    return frames;
  }

  rest(): LogFrame[] {
    return [];
  }

  #line(text: Buffer, start: number, end: number): LogFrame | undefined {
    const from = start + PREFIX_BYTES.length;
    for (let i = 0; i < PREFIX_BYTES.length; i++)
      if (text[start + i] !== PREFIX_BYTES[i]) return foreign(text, start, end);
    const to = this.#textEnd(text, from, end);
    const rest = to < 0 ? undefined : this.#known;
    const data = rest && textOf(text, from, to);
    if (data === undefined) return undefined;
    const { stream, timeNs, attrs } = rest!;
    return attrs ? { stream, data, timeNs, attrs } : { stream, data, timeNs };
  }

  /**
   * Where the text's closing quote is, and `#known` is what follows it; -1 if it has none. Lines that were stored
   * together differ in their text alone, and what follows it cannot be a part of it: its quotes are not escaped.
   */
  #textEnd(text: Buffer, from: number, end: number): number {
    const likely = end - this.#lastRest.length;
    if (likely >= from && this.#known && text.compare(this.#lastRest, 0, this.#lastRest.length, likely, end) === 0)
      return likely;
    const to = stringEnd(text, from, end);
    if (to < 0) return -1;
    this.#lastRest = Buffer.from(text.subarray(to, end));
    this.#known = restOf(`{${this.#lastRest.toString('utf8', 1).replace(/^,/, '')}`);
    return to;
  }
}

/** Where the string's closing quote is; -1 if it has none. */
function stringEnd(text: Buffer, from: number, end: number): number {
  for (let quote = text.indexOf(QUOTE, from); quote >= 0 && quote < end; quote = text.indexOf(QUOTE, quote + 1)) {
    let escapes = 0;
    while (text[quote - 1 - escapes] === BACKSLASH && quote - 1 - escapes >= from) escapes++;
    if (escapes % 2 === 0) return quote;
  }
  return -1;
}

/** Mostly all that is escaped is the newline at the end: that is put right in place. */
function textOf(text: Buffer, from: number, to: number): Buffer | undefined {
  const escape = text.indexOf(BACKSLASH, from);
  if (escape < 0 || escape >= to) return text.subarray(from, to);
  if (escape === to - 2 && text[to - 1] === LETTER_N) {
    text[escape] = NEWLINE;
    return text.subarray(from, to - 1);
  }
  try {
    return Buffer.from(JSON.parse(text.toString('utf8', from - 1, to + 1)) as string);
  } catch {
    return undefined;
  }
}

interface StoredRest {
  readonly stream?: unknown;
  readonly time?: unknown;
  readonly attrs?: unknown;
}

function restOf(json: string): Rest | undefined {
  try {
    return framed(JSON.parse(json) as StoredRest);
  } catch {
    return undefined;
  }
}

/** An object as another program may have written it: with its keys in any order. */
function foreign(text: Buffer, start: number, end: number): LogFrame | undefined {
  try {
    const object = JSON.parse(text.toString('utf8', start, end)) as StoredRest & { readonly log?: unknown };
    const rest = framed(object);
    return rest && typeof object.log === 'string' ? { ...rest, data: Buffer.from(object.log) } : undefined;
  } catch {
    return undefined;
  }
}

function framed({ stream, time, attrs }: StoredRest): Rest | undefined {
  if ((stream !== 'stdout' && stream !== 'stderr') || typeof time !== 'string') return undefined;
  const timeNs = parseRfc3339Ns(time);
  if (timeNs === undefined) return undefined;
  const texts = Object.entries(typeof attrs === 'object' && attrs !== null ? attrs : {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return { stream, timeNs, ...(texts.length > 0 ? { attrs: Object.fromEntries(texts) } : {}) };
}

function parseRfc3339Ns(text: string): bigint | undefined {
  const [, second, fraction = '', zone] = /^(.{19})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/.exec(text) ?? [];
  const ms = second === undefined ? Number.NaN : Date.parse(second + zone!);
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}
