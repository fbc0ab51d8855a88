/**
 * A copy of the last good state beside the store: copy.jsonl, one line a record (table, key, value) and a last one with the
 * checksum of all before. It is replaced whole when the daemon has started well, some time after changes, and at the end.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface CopiedRecord {
  readonly table: string;
  readonly key: string;
  readonly value: unknown;
}

export interface StateCopy {
  readonly records: readonly CopiedRecord[];
  readonly at: string; // when it was written
}

export const copyFile = (stateDir: string): string => join(stateDir, 'copy.jsonl');

/** Atomic and durable when it resolves; does not block while the disk works. */
export async function writeCopy(stateDir: string, lines: readonly string[]): Promise<void> {
  const path = copyFile(stateDir);
  const beside = `${path}.new`;
  const body = lines.length > 0 ? `${lines.join('\n')}\n` : '';
  const end = JSON.stringify({ records: lines.length, sha256: createHash('sha256').update(body).digest('hex') });
  try {
    const file = await open(beside, 'w', 0o600);
    try {
      await file.writeFile(`${body}${end}\n`);
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

/** The copy, if there is one and it is whole. */
export function readCopy(stateDir: string): StateCopy | undefined {
  const path = copyFile(stateDir);
  try {
    const text = readFileSync(path, 'utf8');
    const cut = text.lastIndexOf('\n', text.length - 2) + 1;
    const [body, end] = [text.slice(0, cut), JSON.parse(text.slice(cut)) as { records: number; sha256: string }];
    if (createHash('sha256').update(body).digest('hex') !== end.sha256) return undefined;
    const records = body.split('\n').flatMap(recordOf);
    return { records, at: statSync(path).mtime.toISOString() };
  } catch {
    return undefined;
  }
}

/** A record that was damaged already when it was copied takes no other along. */
function recordOf(line: string): CopiedRecord[] {
  try {
    const [table, key, value] = JSON.parse(line) as [string, string, unknown];
    return [{ table, key, value }];
  } catch {
    return [];
  }
}
