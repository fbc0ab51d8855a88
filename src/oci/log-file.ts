/**
 * Reading the log that conmon writes ('k8s-file'): "2024-05-01T10:00:00.123456789+02:00 stdout F text" a line, where P marks a
 * piece of a line that goes on. Frames are whole lines with their newline, as in Docker's logs: pieces are put together up
 * to 16 KiB, and what has no newline yet comes when it gets one, or at the end.
 *
 * When the file would outgrow its limit conmon replaces it by an empty one: a reader that follows goes on there.
 */
import { watch, type FSWatcher } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { errorCode } from '../base/errors.ts';

export interface LogFrame {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
  readonly timeNs: bigint;
}

/** The same shape as the api's LogOptions. */
export interface LogReadOptions {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  readonly tail: number; // -1 = all
  readonly sinceNs: bigint; // 0 = from the start
  readonly untilNs: bigint; // 0 = no end
}

export interface LogReadControl {
  /** The reader has gone. */
  readonly signal?: AbortSignal;
  /** Nothing more will be written: with `follow` the rest is read and the frames end. */
  readonly ended?: Promise<unknown>;
}

const CHUNK_BYTES = 64 * 1024;
const LINE_LIMIT_BYTES = 16 * 1024;

/** A log that does not exist is an empty one. */
export async function* readLog(path: string, options: LogReadOptions, control: LogReadControl = {}): AsyncGenerator<LogFrame> {
  const news = options.follow ? new News(path, options.untilNs, control) : undefined;
  let file: FileHandle | undefined;
  try {
    file = await openLog(path);
    let position = file && options.tail >= 0 ? await tailPosition(file, options.tail) : 0;
    let parser = new LogParser();
    for (;;) {
      // Asked before reading: what is written after this is told again.
      const last = news === undefined || news.over;
      for (const entry of file ? await readEntries(file, position, parser) : []) {
        if ('position' in entry) position = entry.position;
        else if (entry.timeNs > options.untilNs && options.untilNs > 0n) return;
        else if (wanted(entry, options)) yield entry;
        if (control.signal?.aborted) return;
      }
      const moved = file && (await readMore(file, position));
      if (moved) continue;
      const fresh = await replacement(path, file);
      if (fresh) {
        for (const frame of parser.rest()) if (wanted(frame, options)) yield frame;
        await file?.close();
        [file, position, parser] = [fresh, 0, new LogParser()];
        continue;
      }
      if (last) break;
      await news.next();
      if (control.signal?.aborted) return;
    }
    for (const frame of parser.rest()) if (wanted(frame, options)) yield frame;
  } finally {
    news?.close();
    await file?.close();
  }
}

const wanted = (frame: LogFrame, options: LogReadOptions): boolean =>
  options[frame.stream] && frame.timeNs >= options.sinceNs && (options.untilNs === 0n || frame.timeNs <= options.untilNs);

async function openLog(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The file that has taken the place of the one that is read, or has come to be. */
async function replacement(path: string, file: FileHandle | undefined): Promise<FileHandle | undefined> {
  if (file === undefined) return openLog(path);
  try {
    const [now, own] = await Promise.all([stat(path), file.stat()]);
    return now.ino === own.ino && now.dev === own.dev ? undefined : await openLog(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function readMore(file: FileHandle, position: number): Promise<boolean> {
  return (await file.stat()).size > position;
}

async function readEntries(file: FileHandle, position: number, parser: LogParser): Promise<(LogFrame | { position: number })[]> {
  const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, position);
  return [...parser.push(buffer.subarray(0, bytesRead)), { position: position + bytesRead }];
}

/** Tells when to look again: the file changed, the writer ended, the time is over, the reader left. */
class News {
  over = false;
  readonly #watcher: FSWatcher;
  readonly #timer: NodeJS.Timeout | undefined;
  #fresh = true;
  #wake: (() => void) | undefined;
  readonly #onAbort = () => this.#tell();
  readonly #signal: AbortSignal | undefined;

  constructor(path: string, untilNs: bigint, control: LogReadControl) {
    const name = basename(path);
    // The directory, not the file: the file is replaced, and may not be there yet.
    this.#watcher = watch(dirname(path), { persistent: false }, (_event, changed) => {
      if (changed === null || changed === name) this.#tell();
    });
    this.#watcher.on('error', () => this.#end());
    void control.ended?.then(() => this.#end(), () => this.#end());
    this.#signal = control.signal;
    this.#signal?.addEventListener('abort', this.#onAbort);
    if (untilNs > 0n) {
      const delayMs = Number(untilNs / 1_000_000n) - Date.now();
      this.#timer = setTimeout(() => this.#end(), Math.min(Math.max(delayMs, 0), 2 ** 31 - 1));
    }
  }

  #tell(): void {
    this.#fresh = true;
    this.#wake?.();
  }

  #end(): void {
    this.over = true;
    this.#tell();
  }

  async next(): Promise<void> {
    if (!this.#fresh && !this.#signal?.aborted) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
    this.#fresh = false;
  }

  close(): void {
    this.#watcher.close();
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}

interface OpenLine {
  parts: Buffer[];
  sizeBytes: number;
  timeNs: bigint;
}

/** Bytes of the file in, frames out; keeps what is incomplete. */
export class LogParser {
  #unread: Buffer = Buffer.alloc(0);
  readonly #open: { stdout?: OpenLine; stderr?: OpenLine } = {};

  *push(bytes: Buffer): Generator<LogFrame> {
    const text = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    let start = 0;
    for (let end = text.indexOf(10, start); end >= 0; end = text.indexOf(10, start)) {
      const frame = this.#line(text, start, end);
      if (frame) yield frame;
      start = end + 1;
    }
    this.#unread = Buffer.from(text.subarray(start));
  }

  /** At the end: the lines that never got their newline. */
  *rest(): Generator<LogFrame> {
    for (const stream of ['stdout', 'stderr'] as const) {
      const line = this.#open[stream];
      if (line) yield { stream, data: Buffer.concat(line.parts), timeNs: line.timeNs };
      this.#open[stream] = undefined;
    }
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
    const part = Buffer.from(text.subarray(streamEnd + 3, whole ? end + 1 : end));
    line.parts.push(part);
    line.sizeBytes += part.length;
    if (!whole && line.sizeBytes < LINE_LIMIT_BYTES) return undefined;
    this.#open[stream] = undefined;
    return { stream, data: line.parts.length === 1 ? part : Buffer.concat(line.parts), timeNs: line.timeNs };
  }
}

let lastSecond = '';
let lastSecondNs: bigint | undefined;

/** '2024-05-01T10:00:00.123456789+02:00' in nanoseconds since the epoch; undefined for what is no time. */
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

/** Where the last `count` lines begin. */
async function tailPosition(file: FileHandle, count: number): Promise<number> {
  const { size } = await file.stat();
  if (count === 0) return size;
  let start = size;
  let text: Buffer = Buffer.alloc(0);
  // Twice as much each time, or many lines would be looked over many times.
  for (let wish = CHUNK_BYTES; start > 0; wish *= 2) {
    const length = Math.min(wish, start);
    const { buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, start - length);
    start -= length;
    text = Buffer.concat([buffer, text]);
    const offset = lastLines(text, count, start === 0);
    if (offset !== undefined) return start + offset;
  }
  return 0;
}

// Backwards over the lines of the file; one marked P belongs to the line that ends after it. Undefined: more is needed.
function lastLines(text: Buffer, count: number, atStart: boolean): number | undefined {
  let lines = 0;
  let begin = text.length;
  for (let end = text.length - 1; end >= 0; ) {
    const lineStart = text.lastIndexOf(10, end - 1) + 1;
    if (lineStart === 0 && !atStart) return undefined; // may be the rest of a line
    const whole = isWhole(text, lineStart);
    if (whole || begin === text.length) {
      if (lines === count) return begin;
      lines++;
    }
    begin = lineStart;
    end = lineStart - 1;
  }
  return atStart ? 0 : undefined;
}

function isWhole(text: Buffer, lineStart: number): boolean {
  const timeEnd = text.indexOf(32, lineStart);
  const streamEnd = text.indexOf(32, timeEnd + 1);
  return timeEnd >= 0 && streamEnd >= 0 && text[streamEnd + 1] === 0x46;
}
