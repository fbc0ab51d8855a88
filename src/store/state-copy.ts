/**
 * A copy of the last good state next to the store: copy.jsonl, one line a record (table, key, value) and a last one
 * with the checksum of all before. It is replaced whole when the daemon has started well, some time after changes, and
 * at the end.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FairTurns } from '../base/fair-turns.ts';

export interface CopiedRecord {
  readonly table: string;
  readonly key: string;
  readonly value: unknown;
}

export interface StateCopy {
  readonly records: readonly CopiedRecord[];
  readonly at: string; // when it was written
}

/** A record as the store has it: its JSON. */
export interface StoredRecord {
  readonly table: string;
  readonly key: string;
  readonly bytes: Buffer;
}

/** What is handled in one turn of the event loop: a record may have megabytes, and there may be thousands. */
const PIECE_BYTES = 256 * 1024;
const RECORDS_A_TURN = 128;
const NEW_LINE = 0x0a;
const LINE_END = Buffer.from([NEW_LINE]);

const turns = new FairTurns();

export const copyFile = (stateDir: string): string => join(stateDir, 'copy.jsonl');

/**
 * Atomic and durable when it resolves. Each record is taken from `stored` when those before it are in the file, so that
 * what is held is a piece of one and other work gets its turn, however large the state is.
 */
export async function writeCopy(stateDir: string, stored: Iterable<StoredRecord>): Promise<void> {
  const path = copyFile(stateDir);
  const beside = `${path}.new`;
  const hash = createHash('sha256');
  let records = 0;
  try {
    const file = await open(beside, 'w', 0o600);
    try {
      for (const piece of piecesOf(stored, () => (records += 1))) {
        hash.update(piece);
        await file.writeFile(piece); // goes on where the last one ended
        await turns.take();
      }
      await file.writeFile(`${JSON.stringify({ records, sha256: hash.digest('hex') })}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
    const directory = await open(stateDir, 'r');
    await directory.sync().finally(() => directory.close());
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/** The lines of these records, small ones together and large ones cut. */
function* piecesOf(stored: Iterable<StoredRecord>, count: () => void): Generator<Buffer> {
  let small: Buffer[] = [];
  let smallBytes = 0;
  let smallRecords = 0;
  for (const { table, key, bytes } of stored) {
    count();
    const start = Buffer.from(`[${JSON.stringify(table)},${JSON.stringify(key)},`);
    small.push(start);
    smallBytes += start.length + bytes.length;
    smallRecords += 1;
    if (smallBytes >= PIECE_BYTES) {
      yield Buffer.concat(small);
      small = [];
      smallBytes = 0;
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
    } else small.push(bytes);
    small.push(Buffer.from(']'), LINE_END);
    if (smallRecords >= RECORDS_A_TURN) {
      yield Buffer.concat(small);
      small = [];
      smallBytes = 0;
      smallRecords = 0;
    }
  }
  if (small.length > 0) yield Buffer.concat(small);
}

type Wanted = (record: { readonly table: string; readonly key: string }) => boolean;

/** The copy, if there is one and it is whole; of its records those that are wanted. */
export function readCopy(stateDir: string, wanted: Wanted = () => true): StateCopy | undefined {
  const path = copyFile(stateDir);
  try {
    const hash = createHash('sha256');
    const records: CopiedRecord[] = [];
    let last: Buffer | undefined;
    for (const line of linesOf(path)) {
      if (last) {
        hash.update(last).update(LINE_END);
        records.push(...recordOf(last).filter(wanted));
      }
      last = line;
    }
    const end = JSON.parse(String(last)) as { sha256: string };
    if (hash.digest('hex') !== end.sha256) return undefined;
    return { records, at: statSync(path).mtime.toISOString() };
  } catch {
    return undefined;
  }
}

/** One line is held at a time: all of them may be more than a string can be. */
function* linesOf(path: string): Generator<Buffer> {
  const fd = openSync(path, 'r');
  try {
    let begun: Buffer[] = [];
    for (;;) {
      const buffer = Buffer.allocUnsafe(PIECE_BYTES);
      const chunk = buffer.subarray(0, readSync(fd, buffer));
      if (chunk.length === 0) break;
      let from = 0;
      for (let end = chunk.indexOf(NEW_LINE); end >= 0; end = chunk.indexOf(NEW_LINE, from)) {
        yield Buffer.concat([...begun, chunk.subarray(from, end)]);
        begun = [];
        from = end + 1;
      }
      begun.push(chunk.subarray(from));
    }
    const rest = Buffer.concat(begun);
    if (rest.length > 0) yield rest;
  } finally {
    closeSync(fd);
  }
}

/** A record that was damaged already when it was copied takes no other along. */
function recordOf(line: Buffer): CopiedRecord[] {
  try {
    const [table, key, value] = JSON.parse(line.toString()) as [string, string, unknown];
    return [{ table, key, value }];
  } catch {
    return [];
  }
}
