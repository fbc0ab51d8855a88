/**
 * Records that cannot be read are set aside, each in a file of its own (aside/TABLE/KEY.json, byte for byte as it was
 * found), and nothing else suffers. Where the copy of the state has the record, that one takes its place, and the
 * damaged one is kept in replaced/TABLE/KEY.json. A file that can be read at a later start, because it was repaired or
 * a newer release is back, becomes a record again. A file that is deleted is forgotten, and what belongs to it is
 * removed by the next start.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { syncDirectory } from '../base/sync-directories.ts';
import { dirname, join } from 'node:path';
import { errorCode, errorMessage } from '../base/errors.ts';

export interface AsideRecord {
  readonly table: string;
  readonly key: string;
  readonly file: string;
  readonly reason: string;
  /** What is in the file, as text. */
  readonly content: string;
}

/** What a table's records look like, and under which key each is kept. */
export interface TableShape {
  readonly shape: (value: unknown) => string | undefined;
  readonly keyOf: (record: never) => string;
}

export type Read = { readonly value: unknown } | { readonly reason: string };

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** The record in these bytes, or why there is none. */
export function readRecord(bytes: Uint8Array, key: string, kind: TableShape | undefined): Read {
  let value: unknown;
  try {
    value = JSON.parse(UTF8.decode(bytes));
  } catch (error) {
    return { reason: `no JSON: ${errorMessage(error)}` };
  }
  if (!kind) return { value };
  const complaint = kind.shape(value);
  if (complaint !== undefined) return { reason: complaint };
  const own = kind.keyOf(value as never);
  return own === key ? { value } : { reason: `it is the record of ${JSON.stringify(own.slice(0, 80))}` };
}

const SAFE = /^[a-zA-Z0-9][\w.-]{0,199}$/;

export class AsideDirectory {
  readonly #path: string;

  /** 'replaced': what a copy took the place of. It is kept for inspection, and never used again. */
  constructor(stateDir: string, name: 'aside' | 'replaced' = 'aside') {
    this.#path = join(stateDir, name);
  }

  fileOf(table: string, key: string): string {
    // No record of the engine has such a key; what it was is in the file.
    const name = SAFE.test(key) ? key : `-${createHash('sha256').update(key).digest('hex')}`;
    return join(this.#path, table, `${name}.json`);
  }

  /** Durable when `settle` has returned. */
  write(table: string, key: string, bytes: Uint8Array): string {
    const file = this.fileOf(table, key);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const beside = `${file}.new`;
    try {
      const fd = openSync(beside, 'w', 0o600);
      try {
        for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(beside, file);
    } catch (error) {
      rmSync(beside, { force: true });
      throw error;
    }
    return file;
  }

  /** The names of what was written. */
  settle(table: string): void {
    for (const directory of [join(this.#path, table), this.#path, dirname(this.#path)]) syncDirectory(directory);
  }

  remove(file: string): void {
    rmSync(file, { force: true });
  }

  /** What lies there of a table. */
  list(table: string): { key: string; file: string; bytes: Buffer }[] {
    const directory = join(this.#path, table);
    let names: string[];
    try {
      names = readdirSync(directory)
        .filter((name) => name.endsWith('.json'))
        .sort();
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
    return names.map((name) => ({
      key: name.slice(0, -'.json'.length),
      file: join(directory, name),
      bytes: readFileSync(join(directory, name)),
    }));
  }
}

export function describeAside({ table, key, file, reason }: Omit<AsideRecord, 'content'>): string {
  return `the ${NOUNS[table] ?? 'record'} ${key} cannot be read (${reason}) and is set aside in ${file}`;
}

export function describeReplaced({ table, key, file, reason }: Omit<AsideRecord, 'content'>): string {
  return `the ${NOUNS[table] ?? 'record'} ${key} could not be read (${reason}), and a copy that may be some seconds older took its place; what was there is ${file}`;
}

export const REPLACED_ADVICE = 'see whether it is as it should be, then delete that file';
export const ASIDE_ADVICE =
  'mend the file and start the daemon again, and it is taken up; delete the file and start the daemon again, and what is left of it is removed';

const NOUNS: Readonly<Record<string, string>> = {
  containers: 'container',
  networks: 'network',
  sandboxes: 'networking of container',
  volumes: 'volume',
};
