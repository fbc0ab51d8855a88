/**
 * Durable state: one lmdb environment, one table per kind of record, plain JSON values. A change is durable (fdatasync
 * done) when its promise resolves, and a commit of several changes is atomic: after kill -9 at any instruction either all
 * of it is there or nothing. Reads are synchronous and see the last commit.
 */
import { mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import { open, type Database, type RootDatabase } from 'lmdb';
import { errorMessage, systemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { AsideDirectory, ASIDE_ADVICE, describeAside, readRecord, type AsideRecord, type TableShape } from './aside.ts';

/** lmdb gives errno numbers as codes. */
const ENOSPC = constants.errno.ENOSPC;

const RESERVE_BYTES = 256 * 1024;

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
  /** What each table's records have to look like; those that do not are set aside. Nothing said: anything that is JSON. */
  readonly shapes?: Readonly<Partial<Record<TableName, TableShape>>>;
}

interface BadRecord {
  readonly key: string;
  readonly bytes: Buffer;
  readonly reason: string;
}

export class Store {
  readonly #root: RootDatabase;
  readonly #shapes: Readonly<Partial<Record<TableName, TableShape>>>;
  readonly #log: Log | undefined;
  readonly #path: string;
  readonly #asideDirectory: AsideDirectory;
  readonly #aside = new Map<string, AsideRecord>(); // by file
  readonly #tables: Record<TableName, Database<unknown, string>>;

  private constructor(root: RootDatabase, dir: string, options: StoreOptions) {
    this.#root = root;
    this.#path = dir;
    this.#log = options.log;
    this.#shapes = options.shapes ?? {};
    this.#asideDirectory = new AsideDirectory(dir);
    const tables = TABLES.map((name) => [name, root.openDB<unknown, string>({ name, encoding: 'json' })]);
    this.#tables = Object.fromEntries(tables) as Record<TableName, Database<unknown, string>>;
  }

  /** Opens or makes the store in `dir`; kind `system` when it cannot be read or written. */
  static open(dir: string, options: StoreOptions = {}): Store {
    try {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const store = new Store(open({ path: dir, maxDbs: TABLES.length, noMemInit: true, mapSize: 1 << 30 }), dir, options);
      store.#reserve();
      return store;
    } catch (error) {
      throw systemError(`cannot open the state in ${dir}: ${errorMessage(error)}`, error);
    }
  }

  /**
   * Every change writes pages anew before old ones become free, removals too. Some free ones in the file let what makes room be
   * stored when the disk has none left.
   */
  #reserve(): void {
    try {
      this.#tables.meta.putSync('reserve', 'x'.repeat(RESERVE_BYTES));
      this.#tables.meta.removeSync('reserve');
    } catch {
      // The disk is full already: what was reserved earlier has to do.
    }
  }

  /** Every record of a table that can be read. The others are set aside (see aside.ts), and those that lie there and can be read by now are back. */
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
      if (bad.length > 0) this.#setAside(table, bad);
      return good;
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
        database.putSync(key, read.value);
        this.#asideDirectory.remove(file);
      } else this.#note(table, key, file, 'reason' in read ? read.reason : 'there is a newer one of that name', bytes);
    }
  }

  /** The files are on the disk before the records go: whatever ends us in between, nothing is lost. */
  #setAside(table: TableName, bad: readonly BadRecord[]): void {
    let trouble = '';
    try {
      for (const { key, bytes } of bad) this.#asideDirectory.write(table, key, bytes);
      this.#asideDirectory.settle(table);
      this.#root.transactionSync(() => {
        for (const { key } of bad) this.#tables[table].removeSync(key);
      });
    } catch (error) {
      // No room, or nowhere to write: they stay where they are, and the next start tries again.
      trouble = `; it cannot be moved: ${errorMessage(error)}`;
    }
    for (const { key, bytes, reason } of bad) this.#note(table, key, this.#asideDirectory.fileOf(table, key), reason + trouble, bytes);
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
      await this.#root.transaction(() => {
        for (const { table, key, value } of changes) {
          // Inside a transaction these are synchronous in effect; their promises settle, and fail, with it.
          const change = value === undefined ? this.#tables[table].remove(key) : this.#tables[table].put(key, value);
          change.catch(() => {});
        }
      });
      // A resolved transaction is visible, not yet durable.
      await this.#root.flushed;
    } catch (error) {
      throw systemError(`cannot write the state: ${await reasonOf(error)}`, error);
    }
  }

  put(table: TableName, key: string, value: unknown): Promise<void> {
    return this.commit([{ table, key, value }]);
  }

  remove(table: TableName, key: string): Promise<void> {
    return this.commit([{ table, key, value: undefined }]);
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}

/** lmdb says "Commit failed (see commitError for details)", and has the details in a promise. */
async function reasonOf(error: unknown): Promise<string> {
  const { commitError } = error as { commitError?: Promise<unknown> };
  const cause: unknown = commitError === undefined ? error : await commitError.then(() => error, (reason: unknown) => reason);
  const message = errorMessage(cause);
  return (cause as { code?: unknown }).code === ENOSPC ? 'no space left on device' : message;
}
