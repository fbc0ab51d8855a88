/**
 * Durable state: one lmdb environment, one table per kind of record, plain JSON values. A change is durable (fdatasync
 * done) when its promise resolves, and a commit of several changes is atomic: after kill -9 at any instruction either
 * all of it is there or nothing. Reads are synchronous and see the last commit.
 */
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { open, type Database, type RootDatabase, type Transaction } from 'lmdb';
import { errorMessage, systemError } from '../base/errors.ts';
import { hostFailure, hostReason } from '../base/host-errors.ts';
import type { Log } from '../base/log.ts';
import { damageOf } from './file-check.ts';
import { readCopy, writeCopy, type StateCopy, type StoredRecord } from './state-copy.ts';
import { StateRoom, type FileUse, type Need } from './state-room.ts';
import {
  AsideDirectory,
  ASIDE_ADVICE,
  describeAside,
  describeReplaced,
  readRecord,
  REPLACED_ADVICE,
  type AsideRecord,
  type TableShape,
} from './aside.ts';

/** lmdb gives errno numbers as codes. */
const ENOSPC = constants.errno.ENOSPC;

/** At most that much of what happened is unknown to the copy. */
const COPY_DELAY_MS = 5000;

export const TABLES = ['containers', 'networks', 'sandboxes', 'volumes', 'meta'] as const;
export type TableName = (typeof TABLES)[number];

export interface Change {
  readonly table: TableName;
  readonly key: string;
  /** undefined removes the key. */
  readonly value: unknown;
}

export interface StoreOptions {
  readonly log?: Log;
  /**
   * What each table's records have to look like; those that do not are set aside. Unspecified: anything that is JSON.
   */
  readonly shapes?: Readonly<Partial<Record<TableName, TableShape>>>;
  /** So much of the file is mapped at first; it grows by itself. */
  readonly mapBytes?: number;
}

/** lmdb takes the transaction here too; its types do not show it. */
interface RawReads extends Database<unknown, string> {
  getBinary(key: string, options?: { transaction: Transaction }): Buffer | undefined;
}

interface BadRecord {
  readonly key: string;
  readonly bytes: Buffer;
  readonly reason: string;
}

export class Store {
  readonly #root: RootDatabase;
  readonly #room: StateRoom;
  readonly #shapes: Readonly<Partial<Record<TableName, TableShape>>>;
  readonly #log: Log | undefined;
  readonly #path: string;
  readonly #asideDirectory: AsideDirectory;
  readonly #replacedDirectory: AsideDirectory;
  /** What is not known to be good is not copied over what is. */
  readonly #looked = new Set<TableName>();
  /** Set where the file was damaged and the state is that of a copy. */
  restoredFrom: { readonly at: string; readonly file: string } | undefined;
  #copySoonTimer: NodeJS.Timeout | undefined;
  /** The one that is being made, or was made last; the one after it, if it has a waiter. */
  #copy: Promise<void> = Promise.resolve();
  #nextCopy: Promise<void> | undefined;
  readonly #aside = new Map<string, AsideRecord>(); // by file
  readonly #tables: Record<TableName, Database<unknown, string>>;

  private constructor(root: RootDatabase, room: StateRoom, dir: string, options: StoreOptions) {
    this.#root = root;
    this.#room = room;
    this.#path = dir;
    this.#log = options.log;
    this.#shapes = options.shapes ?? {};
    this.#asideDirectory = new AsideDirectory(dir);
    this.#replacedDirectory = new AsideDirectory(dir, 'replaced');
    const tables = TABLES.map((name) => [name, root.openDB<unknown, string>({ name, encoding: 'json' })]);
    this.#tables = Object.fromEntries(tables) as Record<TableName, Database<unknown, string>>;
  }

  static #map(dir: string, room: StateRoom, options: StoreOptions): Store {
    try {
      return new Store(
        open({ path: dir, maxDbs: TABLES.length, noMemInit: true, mapSize: options.mapBytes ?? 1 << 30 }),
        room,
        dir,
        options,
      );
    } catch (error) {
      room.close();
      throw error;
    }
  }

  /** Opens or makes the store in `dir`; kind `system` when it cannot be read or written. */
  static open(dir: string, options: StoreOptions = {}): Store {
    try {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const isNew = !isThere(join(dir, 'data.mdb'));
      const restored = prepare(dir, options.log);
      const store = Store.#map(dir, StateRoom.open(dir), options);
      if (restored) store.#fill(restored);
      store.knowsAll = !isNew && !restored;
      return store;
    } catch (error) {
      throw systemError(`cannot open the state in ${dir}: ${errorMessage(error)}`, error);
    }
  }

  /**
   * Every record of a table that can be read. The others are set aside (see aside.ts), and those that lie there and can
   * be read by now are back.
   */
  /** False where things may be there of which it never heard, because the file is new or a copy's. */
  knowsAll = true;

  /** Containers that are there and have no record: the file in their place keeps them from being cleared away. */
  setUnknownAside(ids: readonly string[]): void {
    if (ids.length === 0) return;
    const bytes = Buffer.from(
      JSON.stringify({
        lost: 'the record of this container was lost with the state; delete this file and start the daemon again to remove what is left of it',
      }),
    );
    this.#setAside(
      'containers',
      ids.map((key) => ({ key, bytes, reason: 'it is lost' })),
    );
  }

  #fill(copy: StateCopy): void {
    this.restoredFrom = { at: copy.at, file: this.#path };
    this.#commitAtOnce(
      copy.records.flatMap(({ table, key, value }) => (isTable(table) ? [{ table, key, value }] : [])),
    );
  }

  /** Sees to a copy of what is there now, soon: a burst of changes is copied once. */
  #copySoon(): void {
    this.#copySoonTimer ??= setTimeout(() => {
      this.#copySoonTimer = undefined;
      void this.copyNow();
    }, COPY_DELAY_MS).unref();
  }

  /** One copy at a time. A caller that asks while one is being made gets the next, which all that ask by then share. */
  copyNow(): Promise<void> {
    return (this.#nextCopy ??= this.#copy.then(() => {
      this.#nextCopy = undefined;
      return (this.#copy = this.#makeCopy());
    }));
  }

  /** Never fails: the copy is for bad days, and the old one stays where there is no room for a new one. */
  async #makeCopy(): Promise<void> {
    try {
      for (const table of TABLES) if (!this.#looked.has(table)) this.values(table);
      // What all of it was at one moment, while changes go on.
      const transaction = this.#root.useReadTransaction();
      try {
        await writeCopy(this.#path, this.#stored(transaction));
      } finally {
        transaction.done();
      }
    } catch (error) {
      this.#log?.warn({ error: errorMessage(error) }, 'cannot write a copy of the state');
    }
  }

  *#stored(transaction: Transaction): Generator<StoredRecord> {
    for (const table of TABLES) {
      const database = this.#tables[table] as RawReads;
      const keys = Array.from(database.getKeys({ transaction })); // no cursor stays open over turns
      for (const key of keys) {
        const bytes = database.getBinary(key, { transaction });
        if (bytes !== undefined) yield { table, key, bytes };
      }
    }
  }

  values<T>(table: TableName): T[] {
    try {
      this.#takeUp(table);
      const good: T[] = [];
      const bad: BadRecord[] = [];
      const database = this.#tables[table];
      for (const key of database.getKeys({ snapshot: true })) {
        const bytes = database.getBinary(key);
        if (bytes === undefined) continue;
        const read = readRecord(bytes, key, this.#shapes[table]);
        if ('value' in read) good.push(read.value as T);
        else bad.push({ key, bytes, reason: read.reason });
      }
      const restored = bad.length > 0 ? this.#restore(table, bad) : new Map<string, unknown>();
      if (bad.length > restored.size)
        this.#setAside(
          table,
          bad.filter(({ key }) => !restored.has(key)),
        );
      this.#looked.add(table);
      return [...good, ...(restored.values() as Iterable<T>)];
    } catch (error) {
      throw systemError(`cannot read the state in ${this.#path}: ${errorMessage(error)}`, error);
    }
  }

  #takeUp(table: TableName): void {
    const database = this.#tables[table];
    for (const { key, file, bytes } of this.#asideDirectory.list(table)) {
      const read = readRecord(bytes, key, this.#shapes[table]);
      const there = database.getBinary(key);
      if ('value' in read && (there === undefined || there.equals(bytes))) {
        try {
          this.#commitAtOnce([{ table, key, value: read.value }]);
          this.#asideDirectory.remove(file);
        } catch (error) {
          this.#note(table, key, file, `it is mended, and cannot be taken up: ${errorMessage(error)}`, bytes);
        }
      } else this.#note(table, key, file, 'reason' in read ? read.reason : 'there is a newer one of that name', bytes);
    }
  }

  /** Gives those back that the copy has; by key. */
  #restore(table: TableName, bad: readonly BadRecord[]): Map<string, unknown> {
    const keys = new Set(bad.map(({ key }) => key));
    const copied = new Map(
      readCopy(this.#path, (record) => record.table === table && keys.has(record.key))?.records.map(
        ({ key, value }) => [key, value],
      ),
    );
    const known = bad.filter(
      ({ key }) =>
        copied.has(key) &&
        'value' in readRecord(Buffer.from(JSON.stringify(copied.get(key))), key, this.#shapes[table]),
    );
    if (known.length === 0) return new Map();
    try {
      for (const { key, bytes } of known) this.#replacedDirectory.write(table, key, bytes);
      this.#replacedDirectory.settle(table);
      this.#commitAtOnce(known.map(({ key }) => ({ table, key, value: copied.get(key) })));
    } catch (error) {
      this.#log?.error(
        { table, error: errorMessage(error) },
        'what is damaged cannot be replaced by what the copy has',
      );
      return new Map();
    }
    for (const { key, reason } of known) {
      const file = this.#replacedDirectory.fileOf(table, key);
      this.#log?.error({ table, key, file }, `${describeReplaced({ table, key, file, reason })}: ${REPLACED_ADVICE}`);
    }
    return new Map(known.map(({ key }) => [key, copied.get(key)]));
  }

  /** The files are on the disk before the records go: whatever ends the process in between, nothing is lost. */
  #setAside(table: TableName, bad: readonly BadRecord[]): void {
    let trouble = '';
    try {
      for (const { key, bytes } of bad) this.#asideDirectory.write(table, key, bytes);
      this.#asideDirectory.settle(table);
      this.#commitAtOnce(bad.map(({ key }) => ({ table, key, value: undefined })));
    } catch (error) {
      // No room, or nowhere to write: they stay where they are, and the next start tries again.
      trouble = `; it cannot be moved: ${errorMessage(error)}`;
    }
    for (const { key, bytes, reason } of bad)
      this.#note(table, key, this.#asideDirectory.fileOf(table, key), reason + trouble, bytes);
  }

  #note(table: TableName, key: string, file: string, reason: string, bytes: Buffer): void {
    const aside: AsideRecord = { table, key: key.slice(0, 80), file, reason, content: bytes.toString() };
    this.#aside.set(file, aside);
    this.#log?.error({ table, key: aside.key, file }, `${describeAside(aside)}: ${ASIDE_ADVICE}`);
  }

  /** What was found set aside, or had to be, when the tables were read. */
  aside(): AsideRecord[] {
    return [...this.#aside.values()];
  }

  get<T>(table: TableName, key: string): T | undefined {
    return this.#tables[table].get(key) as T | undefined;
  }

  /** One atomic transaction; resolves when it is on the disk. */
  async commit(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    try {
      await this.#room.write(
        this.#need(changes),
        () => this.#fileUse(),
        async () => {
          await this.#root.transaction(() => {
            for (const { table, key, value } of changes) {
              // Inside a transaction these are synchronous in effect; their promises settle, and fail, with it.
              const change =
                value === undefined ? this.#tables[table].remove(key) : this.#tables[table].put(key, value);
              change.catch(() => {});
            }
          });
          // A resolved transaction is visible, not yet durable.
          await this.#root.flushed;
        },
      );
      this.#copySoon();
    } catch (error) {
      const cause = await causeOf(error);
      throw systemError(
        `cannot write the state: ${isFull(cause) ? hostReason('ENOSPC') : errorMessage(cause)}`,
        isFull(cause) ? hostFailure('ENOSPC', this.#path, cause) : cause,
      );
    }
  }

  /** Where nothing else goes on until it is there; durable with the next commit. */
  #commitAtOnce(changes: readonly Change[]): void {
    this.#room.writeAtOnce(this.#need(changes), this.#fileUse(), () => {
      this.#root.transactionSync(() => {
        for (const { table, key, value } of changes) {
          if (value === undefined) this.#tables[table].removeSync(key);
          else this.#tables[table].putSync(key, value);
        }
      });
    });
  }

  #need(changes: readonly Change[]): Need {
    const puts = changes.filter(({ value }) => value !== undefined);
    const makes = puts.some(({ table, key }) => !this.#tables[table].doesExist(key));
    return {
      valueBytes: changes.map(({ value }) => (value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value)))),
      for: makes ? 'making' : puts.length > 0 ? 'changing' : 'removing',
    };
  }

  #fileUse(): FileUse {
    const { pageSize: pageBytes, lastPageNumber: lastPage } = this.#root.getStats() as {
      pageSize: number;
      lastPageNumber: number;
    };
    return { pageBytes, lastPage };
  }

  put(table: TableName, key: string, value: unknown): Promise<void> {
    return this.commit([{ table, key, value }]);
  }

  remove(table: TableName, key: string): Promise<void> {
    return this.commit([{ table, key, value: undefined }]);
  }

  async close(): Promise<void> {
    clearTimeout(this.#copySoonTimer);
    await this.copyNow();
    await this.#root.close();
    this.#room.close();
  }
}

const isTable = (name: string): name is TableName => (TABLES as readonly string[]).includes(name);

/** An empty file is one that was being made. */
const isThere = (file: string): boolean => existsSync(file) && statSync(file).size > 0;

/**
 * Before lmdb sees the file: one that is damaged is put aside, and the content of the copy is restored. Throws where
 * there is none.
 */
function prepare(dir: string, log: Log | undefined): StateCopy | undefined {
  const file = join(dir, 'data.mdb');
  const there = isThere(file);
  const damage = there ? damageOf(file) : undefined;
  if (there && damage === undefined) return undefined;
  const copy = readCopy(dir);
  if (!there && !copy) return undefined;
  if (!copy) {
    throw systemError(
      `${file} is damaged (${damage}), and there is no copy of it: bring it back from a backup; or move it away, and the daemon starts with nothing and leaves alone what containers and files there are`,
    );
  }
  const away = `${file}.damaged-${new Date().toISOString().replaceAll(':', '')}`;
  if (there) renameSync(file, away);
  rmSync(join(dir, 'lock.mdb'), { force: true });
  log?.error(
    { file, damage: damage ?? 'it is missing', copy: copy.at, kept: there ? away : undefined },
    `the state is damaged and was restored from the copy of ${copy.at}: containers made since then are left alone, see causeway doctor`,
  );
  return copy;
}

/** lmdb reports "Commit failed (see commitError for details)", and has the details in a promise. */
async function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<unknown> };
  return commitError === undefined
    ? error
    : commitError.then(
        () => error,
        (reason: unknown) => reason,
      );
}

const isFull = (cause: unknown): boolean => (cause as { code?: unknown }).code === ENOSPC;
