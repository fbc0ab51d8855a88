/**
 * Rows on their way to the store. One that could not be stored is owed: it is tried again by itself, and when something
 * else could be stored. Without that, what was undone or taken down would be back with the next daemon.
 */
import { tryAgainLater } from '../../base/again.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { NetworkStore } from '../contract.ts';
import type { NetworkTable } from '../table/table.ts';
import { currentRecords } from './row.ts';

interface StoredRowsNeeds {
  readonly log: Pick<Log, 'warn'>;
  readonly store: Pick<NetworkStore, 'commit'>;
  readonly table: NetworkTable;
}

export class StoredRows {
  readonly #needs: StoredRowsNeeds;
  readonly #retry: typeof tryAgainLater;
  /** To the last commit that failed. */
  readonly #owed = new Map<string, number>();
  #commits = 0;
  #retrying = false;
  #closed = false;

  constructor(needs: StoredRowsNeeds, retry = tryAgainLater) {
    this.#needs = needs;
    this.#retry = retry;
  }

  /** Stores the rows of these containers as they are when it is called; those that are not there are removed. */
  async commit(containerIds: readonly string[]): Promise<void> {
    await this.#commit(containerIds);
    // Apart from it: what only removes something has room on a full disk, and what is owed may have none.
    if (this.#owed.size > 0) this.#commit([...this.#owed.keys()]).catch(() => {}); // and is owed on
  }

  /** Of one container, where the store does not know of its row as it is. */
  async commitOwed(containerId: string): Promise<void> {
    if (this.#owed.has(containerId)) await this.#commit([containerId]);
  }

  async #commit(containerIds: readonly string[]): Promise<void> {
    const { store, table } = this.#needs;
    const ids = [...new Set(containerIds)];
    const commit = ++this.#commits;
    try {
      await store.commit({
        removeSandboxes: ids.filter((id) => !table.sandbox(id)),
        putSandboxes: currentRecords({ table }, ids),
      });
    } catch (error) {
      for (const id of ids) this.#owed.set(id, commit);
      this.#tryAgain();
      throw error;
    }
    // One that failed after this was newer.
    for (const id of ids) if ((this.#owed.get(id) ?? commit) < commit) this.#owed.delete(id);
  }

  #tryAgain(): void {
    if (this.#retrying || this.#closed) return;
    this.#retrying = true;
    const work = async (): Promise<void> => {
      if (!this.#closed && this.#owed.size > 0) await this.#commit([...this.#owed.keys()]);
      this.#retrying = false;
      if (this.#owed.size > 0) this.#tryAgain(); // failed while this one was on its way
    };
    this.#retry(work, (error) => {
      this.#retrying = false;
      this.#needs.log.warn({ error: errorMessage(error) }, 'networks of containers cannot be stored just now');
    });
  }

  /** The last attempt is now. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#owed.size === 0) return;
    await this.#commit([...this.#owed.keys()]).catch((error: unknown) =>
      this.#needs.log.warn({ error: errorMessage(error) }, 'networks of containers could not be stored'),
    );
  }
}
