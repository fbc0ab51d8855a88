/** Pieces of lines as the drivers store them. */
import { MAX_GROWTH, writeJsonText } from './json-text.ts';
import { TIME_BYTES, type PieceSink } from './line-assembler.ts';

/** Where encoders write: they ask for room, put bytes there, and say how far they came. */
export interface Output {
  /** At least `bytes` are free at `at` of `buffer`. */
  room(bytes: number): void;
  readonly buffer: Buffer;
  readonly at: number;
  /** Everything before `at` is whole pieces. */
  wrote(at: number): void;
}

/** 'nothing': only another program has it. */
export type EncoderFormat =
  | { readonly kind: 'json'; readonly attrs: string }
  | { readonly kind: 'plain' }
  | { readonly kind: 'nothing' };

export const makeEncoder = (format: EncoderFormat, output: Output): PieceSink =>
  format.kind === 'json'
    ? new JsonEncoder(output, format.attrs)
    : format.kind === 'plain'
      ? new PlainEncoder(output)
      : { piece: () => {} };

const PREFIX = [...Buffer.from('{"log":"')];
const MAX_TAIL_BYTES = 128;

/** json-file: {"log":"text\n","stream":"stdout","attrs":{},"time":"2024-05-01T08:00:00.123456789Z"} a line. */
class JsonEncoder implements PieceSink {
  readonly #output: Output;
  readonly #attrs: string;
  readonly #tails: [Tail, Tail];

  constructor(output: Output, attrs: string) {
    this.#output = output;
    this.#attrs = attrs === '' ? '' : `"attrs":${attrs},`;
    this.#tails = [this.#noTail(), this.#noTail()];
  }

  #noTail = (): Tail => ({ time: Buffer.alloc(TIME_BYTES), text: Buffer.alloc(0) });

  readonly piece: PieceSink['piece'] = (text, start, end, whole, stderr, time, timeStart) => {
    const output = this.#output;
    const tail = this.#tail(stderr, time, timeStart);
    output.room(PREFIX.length + (end - start) * MAX_GROWTH + 2 + tail.length);
    const { buffer } = output;
    let at = output.at;
    for (let i = 0; i < PREFIX.length; i++) buffer[at++] = PREFIX[i]!; // a call takes longer
    at = writeJsonText(buffer, at, text, start, end);
    if (whole) {
      buffer[at++] = 0x5c;
      buffer[at++] = 0x6e;
    }
    output.wrote(at + tail.copy(buffer, at));
  };

  /** Lines that conmon read together have one time: what follows their text is made once. */
  #tail(stderr: boolean, time: Buffer, timeStart: number): Buffer {
    const known = this.#tails[stderr ? 1 : 0];
    if (isSameTime(known.time, time, timeStart)) return known.text;
    time.copy(known.time, 0, timeStart, timeStart + TIME_BYTES);
    const stream = stderr ? 'stderr' : 'stdout';
    const told = utcTime(known.time.toString('latin1'));
    known.text = Buffer.from(`","stream":"${stream}",${this.#attrs}"time":"${told}"}\n`);
    return known.text;
  }
}

interface Tail {
  readonly time: Buffer;
  text: Buffer;
}

function isSameTime(known: Buffer, time: Buffer, start: number): boolean {
  for (let i = TIME_BYTES - 1; i >= 0; i--) if (known[i] !== time[start + i]) return false;
  return true;
}

let lastSecond = '';
let lastUtc = '';

/** '2024-05-01T10:00:00.120000000+02:00' -> '2024-05-01T08:00:00.12Z', as Go writes RFC3339Nano. */
function utcTime(text: string): string {
  const second = text.slice(0, 19) + text.slice(29);
  if (second !== lastSecond) {
    const date = new Date(second);
    lastUtc = Number.isNaN(date.getTime()) ? '1970-01-01T00:00:00' : date.toISOString().slice(0, 19);
    lastSecond = second;
  }
  const fraction = text.slice(20, 29).replace(/0+$/, '');
  return fraction === '' ? `${lastUtc}Z` : `${lastUtc}.${fraction}Z`;
}

/** local: conmon's own form, with pieces of Docker's sizes. */
class PlainEncoder implements PieceSink {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  readonly piece: PieceSink['piece'] = (text, start, end, whole, stderr, time, timeStart) => {
    const output = this.#output;
    output.room(end - start + MAX_TAIL_BYTES);
    const { buffer } = output;
    let at = output.at;
    at += time.copy(buffer, at, timeStart, timeStart + TIME_BYTES);
    at += buffer.write(`${stderr ? ' stderr' : ' stdout'} ${whole ? 'F' : 'P'} `, at, 'latin1');
    at += text.copy(buffer, at, start, end);
    buffer[at++] = 0x0a;
    output.wrote(at);
  };
}
