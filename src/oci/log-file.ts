/**
 * Reading a container's log, in pieces of 64 KiB: the lines of a piece come together, and between two pieces others have
 * their turn. A file that is full is replaced by an empty one: a reader that follows goes on there.
 */
import { stat, type FileHandle } from 'node:fs/promises';
import { errorCode } from '../base/errors.ts';
import { FairTurns } from '../base/fair-turns.ts';
import { LogNews, type LogReadControl } from './log-news.ts';
import { tailPosition } from './log-tail.ts';
import {
  openIfThere,
  openSegments,
  openSegmentsAfter,
  parserOf,
  readSegment,
  wholeLineOf,
  type LogFiles,
  type Segment,
} from './logs/log-segments.ts';
import type { LogFrame, LogQuery } from '../model/streams.ts';

const CHUNK_BYTES = 64 * 1024;

/** Of all readers together: twenty that have a piece each are twenty turns of the event loop. */
const turns = new FairTurns();

/** A log that does not exist is an empty one. */
export async function* readLog(
  files: LogFiles,
  options: LogQuery,
  control: LogReadControl = {},
): AsyncGenerator<readonly LogFrame[]> {
  const news = options.follow ? new LogNews(files.path, options.untilNs, control) : undefined;
  const wholeLine = wholeLineOf(files.format);
  const segments: Segment[] = [];
  let file: FileHandle | undefined;
  try {
    file = await openIfThere(files.path);
    const asked = options.tail;
    const tail = file && asked >= 0 ? await tailPosition(file, asked, wholeLine, control.signal) : undefined;
    let position = tail?.position ?? 0;
    const missing = asked < 0 ? -1 : asked - (tail?.lines ?? 0);
    if (missing !== 0) {
      segments.push(...(await openSegments(files, file)));
      if (yield* fullSegments(segments, missing, options, control)) return;
    }
    let parser = parserOf(files.format);
    for (;;) {
      // Asked before reading: what is written after this is notified again.
      const last = news === undefined || news.over;
      const piece = file ? await readPiece(file, position) : undefined;
      if (control.signal?.aborted) return;
      if (piece !== undefined && piece.length > 0) {
        position += piece.length;
        await turns.take();
        const frames = parser.push(piece);
        const chosen = frames.filter((frame) => wanted(frame, options));
        if (chosen.length > 0) yield chosen;
        if (control.signal?.aborted || frames.some((frame) => isPast(frame, options))) return;
        continue;
      }
      const fresh = await replacement(files.path, file);
      if (fresh && file && (await file.stat()).size > position) {
        await fresh.close(); // written between the last look and its end
        continue;
      }
      if (fresh || last) {
        const rest = parser.rest().filter((frame) => wanted(frame, options));
        if (rest.length > 0) yield rest;
      }
      if (fresh) {
        const old = file;
        [file, position, parser] = [fresh, 0, parserOf(files.format)];
        if (!old) continue;
        const between = await openSegmentsAfter(files, old, fresh).finally(() => old.close());
        segments.push(...between);
        if (yield* fullSegments(between, -1, options, control)) return;
        for (const segment of segments.splice(0)) await segment.file.close();
      } else if (last) {
        return;
      } else if (news.watching) {
        await news.wait();
        if (control.signal?.aborted) return;
      } else {
        news.watch();
      }
    }
  } finally {
    news?.close();
    await file?.close();
    for (const segment of segments) await segment.file.close();
  }
}

/** The last `count` lines of them (-1: all); true where what is asked for ends there. */
async function* fullSegments(
  segments: readonly Segment[],
  count: number,
  options: LogQuery,
  control: LogReadControl,
): AsyncGenerator<readonly LogFrame[], boolean> {
  let first = 0;
  let skipped = 0;
  if (count >= 0) {
    let missing = count;
    for (first = segments.length; first > 0 && missing > 0; first--) {
      const lines = await countLines(segments[first - 1]!, control.signal);
      skipped = Math.max(0, lines - missing);
      missing -= lines - skipped;
    }
  }
  for (const segment of segments.slice(first)) {
    const parser = parserOf(segment.format);
    for await (const piece of piecesOf(segment)) {
      if (control.signal?.aborted) return true;
      await turns.take();
      const frames = piece === undefined ? parser.rest() : parser.push(piece);
      const left = frames.slice(skipped);
      skipped -= frames.length - left.length;
      const chosen = left.filter((frame) => wanted(frame, options));
      if (chosen.length > 0) yield chosen;
      if (frames.some((frame) => isPast(frame, options))) return true;
    }
  }
  return false;
}

/** Its content, and undefined for the end. */
async function* piecesOf(segment: Segment): AsyncGenerator<Buffer | undefined> {
  for await (const piece of readSegment(segment)) yield piece as Buffer;
  yield undefined;
}

async function countLines(segment: Segment, signal: AbortSignal | undefined): Promise<number> {
  const parser = parserOf(segment.format);
  let lines = 0;
  for await (const piece of piecesOf(segment)) {
    if (signal?.aborted) return lines;
    await turns.take();
    lines += (piece === undefined ? parser.rest() : parser.push(piece)).length;
  }
  return lines;
}

const isPast = (frame: LogFrame, options: LogQuery): boolean => options.untilNs > 0n && frame.timeNs > options.untilNs;

const wanted = (frame: LogFrame, options: LogQuery): boolean =>
  options[frame.stream] &&
  frame.timeNs >= options.sinceNs &&
  (options.untilNs === 0n || frame.timeNs <= options.untilNs);

/** The file that has taken the place of the one that is read, or has come to be. */
async function replacement(path: string, file: FileHandle | undefined): Promise<FileHandle | undefined> {
  if (file === undefined) return openIfThere(path);
  try {
    const [now, own] = await Promise.all([stat(path), file.stat()]);
    return now.ino === own.ino && now.dev === own.dev ? undefined : await openIfThere(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function readPiece(file: FileHandle, position: number): Promise<Buffer> {
  // A new one for each piece: frames are parts of it.
  const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(CHUNK_BYTES), 0, CHUNK_BYTES, position);
  return buffer.subarray(0, bytesRead);
}
