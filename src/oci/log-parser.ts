/**
 * What conmon writes ('k8s-file'): "2024-05-01T10:00:00.123456789+02:00 stdout F text" a line, where P marks a piece of
 * a line that goes on. Frames are whole lines with their newline, as in Docker's logs: pieces are put together up to 16
 * KiB, and what has no newline yet comes when it gets one, or at the end.
 */
import type { LogFrame } from '../model/streams.ts';

const LINE_LIMIT_BYTES = 16 * 1024;
const RECORD_LIMIT_BYTES = 128 * 1024;

interface OpenLine {
  parts: Buffer[];
  sizeBytes: number;
  timeNs: bigint;
}

/** Bytes of the file in, frames out, which share their memory; keeps what is incomplete. */
export class LogParser {
  #unread: Buffer = Buffer.alloc(0);
  #skipping = false;
  readonly #open: { stdout?: OpenLine; stderr?: OpenLine } = {};

  push(bytes: Buffer): LogFrame[] {
    const text = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    const frames: LogFrame[] = [];
    let start = 0;
    for (let end = text.indexOf(10, start); end >= 0; end = text.indexOf(10, start)) {
      const frame = this.#skipping ? undefined : this.#line(text, start, end);
      if (frame) frames.push(frame);
      this.#skipping = false;
      start = end + 1;
    }
    // No line of conmon's is that long: the file is damaged here.
    if (text.length - start > RECORD_LIMIT_BYTES) this.#skipping = true;
    this.#unread = this.#skipping ? Buffer.alloc(0) : Buffer.from(text.subarray(start));
    return frames;
  }

  /** At the end: the lines that never got their newline. */
  rest(): LogFrame[] {
    const frames: LogFrame[] = [];
    for (const stream of ['stdout', 'stderr'] as const) {
      const line = this.#open[stream];
      if (line) frames.push({ stream, data: Buffer.concat(line.parts), timeNs: line.timeNs });
      this.#open[stream] = undefined;
    }
    return frames;
  }

  #line(text: Buffer, start: number, end: number): LogFrame | undefined {
    const timeEnd = text.indexOf(32, start);
    const streamEnd = text.indexOf(32, timeEnd + 1);
    if (timeEnd < 0 || streamEnd < 0 || streamEnd + 2 >= end + 1) return undefined; // torn by a full disk
    const stream = text.toString('latin1', timeEnd + 1, streamEnd);
    if (stream !== 'stdout' && stream !== 'stderr') return undefined;
    const whole = text[streamEnd + 1] === 0x46; // 'F'
    const timeNs = parseTimeNs(text.toString('latin1', start, timeEnd));
    if (timeNs === undefined) return undefined;
    const line = (this.#open[stream] ??= { parts: [], sizeBytes: 0, timeNs });
    const part = text.subarray(streamEnd + 3, whole ? end + 1 : end);
    line.parts.push(part);
    line.sizeBytes += part.length;
    if (!whole && line.sizeBytes < LINE_LIMIT_BYTES) {
      line.parts[line.parts.length - 1] = Buffer.from(part); // it stays, what is around it need not
      return undefined;
    }
    this.#open[stream] = undefined;
    return { stream, data: line.parts.length === 1 ? part : Buffer.concat(line.parts), timeNs: line.timeNs };
  }
}

let lastSecond = '';
let lastSecondNs: bigint | undefined;

/** '2024-05-01T10:00:00.123456789+02:00' in nanoseconds since the epoch; undefined if it is not a time. */
export function parseTimeNs(text: string): bigint | undefined {
  // Consecutive lines mostly share their second: the calendar is asked once for it.
  const second = text.slice(0, 19) + text.slice(29);
  if (second !== lastSecond) {
    const ms = Date.parse(second);
    lastSecondNs = Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n;
    lastSecond = second;
  }
  const fraction = text.slice(20, 29);
  return lastSecondNs === undefined || !/^\d{9}$/.test(fraction) ? undefined : lastSecondNs + BigInt(fraction);
}
