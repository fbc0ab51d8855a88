/** The files of a rotated log: the one that is written, and the full ones behind it. */
import { createReadStream, type BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { errorCode } from '../../base/errors.ts';
import { isSameFull } from './full-mark.ts';
import { JsonLogParser } from './json-log-parser.ts';
import { LogParser } from '../log-parser.ts';
import { isWholePlain, type WholeLine } from '../log-tail.ts';
import type { LogFrame } from '../../model/streams.ts';

export type LogFormat = 'json' | 'plain';

export interface LogFiles {
  readonly path: string;
  readonly format: LogFormat;
  /** A log from before it: of an earlier release. */
  readonly earlier?: { readonly path: string; readonly format: LogFormat };
}

export interface LogFileParser {
  push(bytes: Buffer): LogFrame[];
  rest(): LogFrame[];
}

export const parserOf = (format: LogFormat): LogFileParser =>
  format === 'json' ? new JsonLogParser() : new LogParser();

export const wholeLineOf = (format: LogFormat): WholeLine => (format === 'json' ? () => true : isWholePlain);

export interface Segment {
  readonly file: FileHandle;
  readonly compressed: boolean;
  readonly format: LogFormat;
}

/**
 * All of them that are full, opened, oldest first. A rotation meanwhile moves files from one name to the next: `current`
 * is the one that is written, and is not among them.
 */
export async function openSegments(files: LogFiles, current: FileHandle | undefined): Promise<Segment[]> {
  const seen: BigIntStats[] = [];
  const found: Segment[] = [];
  for (let number = 1; ; number++) {
    const segment = await openNumbered(files, number);
    if (segment === undefined) break;
    const own = await segment.file.stat({ bigint: true });
    // Asked again each time: it may be full, and compressed, by now.
    const others = current ? [...seen, await current.stat({ bigint: true })] : seen;
    if (others.some((other) => isSameFull(own, other))) await segment.file.close();
    else found.unshift(segment);
    seen.push(own);
  }
  if (files.earlier) {
    const file = await openIfThere(files.earlier.path);
    if (file) found.unshift({ file, compressed: false, format: files.earlier.format });
  }
  return found;
}

/** Those that became full behind `last`, which has gone from its name, and before `current`; oldest first. */
export async function openSegmentsAfter(files: LogFiles, last: FileHandle, current: FileHandle): Promise<Segment[]> {
  const { path, format } = files;
  const all = await openSegments({ path, format }, current);
  const own = await last.stat({ bigint: true });
  const stats = await Promise.all(all.map(({ file }) => file.stat({ bigint: true })));
  // Where it has gone as one too many, all of these are younger.
  const known = stats.findLastIndex((one) => isSameFull(one, own)) + 1;
  for (const { file } of all.slice(0, known)) await file.close();
  return all.slice(known);
}

async function openNumbered({ path, format }: LogFiles, number: number): Promise<Segment | undefined> {
  for (const suffix of ['.gz', '', '.gz']) {
    const file = await openIfThere(`${path}.${number}${suffix}`); // asked again: it is compressed meanwhile
    if (file) return { file, compressed: suffix !== '', format };
  }
  return undefined;
}

export async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** What is in it, from its beginning; it stays open. */
export function readSegment({ file, compressed }: Segment): Readable {
  const stream = createReadStream('', { fd: file.fd, autoClose: false, start: 0, highWaterMark: 64 * 1024 });
  if (!compressed) return stream;
  const unpacked = createGunzip();
  stream.on('error', (error) => unpacked.destroy(error)).pipe(unpacked);
  return unpacked;
}
