/**
 * Reading the log that conmon writes (see log-parser.ts), in pieces of 64 KiB: the lines of a piece come together, and
 * between two pieces others have their turn. When the file would outgrow its limit conmon replaces it by an empty one:
 * a reader that follows goes on there.
 */
import { open, stat, type FileHandle } from 'node:fs/promises';
import { errorCode } from '../base/errors.ts';
import { FairTurns } from '../base/fair-turns.ts';
import { LogNews, type LogReadControl } from './log-news.ts';
import { LogParser, type LogFrame } from './log-parser.ts';
import { tailPosition } from './log-tail.ts';

/** The same shape as the api's LogOptions. */
export interface LogReadOptions {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  readonly tail: number; // -1 = all
  readonly sinceNs: bigint; // 0 = from the start
  readonly untilNs: bigint; // 0 = no end
}

const CHUNK_BYTES = 64 * 1024;

/** Of all readers together: twenty that have a piece each are twenty turns of the event loop. */
const turns = new FairTurns();

/** A log that does not exist is an empty one. */
export async function* readLog(
  path: string,
  options: LogReadOptions,
  control: LogReadControl = {},
): AsyncGenerator<readonly LogFrame[]> {
  const news = options.follow ? new LogNews(path, options.untilNs, control) : undefined;
  let file: FileHandle | undefined;
  try {
    file = await openLog(path);
    let position = file && options.tail >= 0 ? await tailPosition(file, options.tail, control.signal) : 0;
    let parser = new LogParser();
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
      const fresh = await replacement(path, file);
      if (fresh || last) {
        const rest = parser.rest().filter((frame) => wanted(frame, options));
        if (rest.length > 0) yield rest;
      }
      if (fresh) {
        await file?.close();
        [file, position, parser] = [fresh, 0, new LogParser()];
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
  }
}

const isPast = (frame: LogFrame, options: LogReadOptions): boolean =>
  options.untilNs > 0n && frame.timeNs > options.untilNs;

const wanted = (frame: LogFrame, options: LogReadOptions): boolean =>
  options[frame.stream] &&
  frame.timeNs >= options.sinceNs &&
  (options.untilNs === 0n || frame.timeNs <= options.untilNs);

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

async function readPiece(file: FileHandle, position: number): Promise<Buffer> {
  // A new one for each piece: frames are parts of it.
  const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(CHUNK_BYTES), 0, CHUNK_BYTES, position);
  return buffer.subarray(0, bytesRead);
}
