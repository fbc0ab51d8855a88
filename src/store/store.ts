/**
 * Durable state: one lmdb environment, one table per kind of record, plain JSON values. A change is durable (fdatasync
 * done) when its promise resolves, and a commit of several changes is atomic: after kill -9 at any instruction either all
 * of it is there or nothing. Reads are synchronous and see the last commit.
 */
import { mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import { open, type Database, type RootDatabase } from 'lmdb';
import { errorMessage, systemError } from '../base/errors.ts';

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

export class Store {
  readonly #root: RootDatabase;
  readonly #tables: Record<TableName, Database<unknown, string>>;

  private constructor(root: RootDatabase) {
    this.#root = root;
    const tables = TABLES.map((name) => [name, root.openDB<unknown, string>({ name, encoding: 'json' })]);
    this.#tables = Object.fromEntries(tables) as Record<TableName, Database<unknown, string>>;
  }

  /** Opens or makes the store in `dir`; kind `system` when it cannot be read or written. */
  static open(dir: string): Store {
    try {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const store = new Store(open({ path: dir, maxDbs: TABLES.length, noMemInit: true, mapSize: 1 << 30 }));
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

  values<T>(table: TableName): T[] {
    return Array.from(this.#tables[table].getRange({ snapshot: true }), ({ value }) => value as T);
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
