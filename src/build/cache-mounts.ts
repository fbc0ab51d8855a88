/** `--mount=type=cache`: directories that stay between builds. */
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, renameSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { removeTree } from '../base/remove-tree.ts';
import { KeyedLock } from '../base/keyed-lock.ts';
import { treeSizeBytes } from '../image/tree-size.ts';
import type { KeptDirectory } from './cache-records.ts';

export interface CacheMountOrder {
  readonly id: string;
  readonly sharing: 'shared' | 'private' | 'locked';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Fills a new one. */
  readonly fill: (directory: string) => Promise<void>;
}

const MAX_PRIVATE = 100;

export class CacheMounts {
  readonly #root: string;
  readonly #locks = new KeyedLock();
  readonly #users = new Map<string, number>();
  /** In bytes, of those that nobody has used since. */
  readonly #sizes = new Map<string, number>();
  #uses = 0;

  constructor(root: string) {
    this.#root = root;
    mkdirSync(root, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(root)) if (name.includes('.')) void removeTree(join(root, name)).catch(() => {});
  }

  /**
   * `work` has all of these `locked` ones to itself: they are taken together, in an order of their own, so that no two
   * steps wait for each other, and a step may have one of them twice. Who waits leaves at the signal.
   */
  locked<T>(ids: readonly string[], signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (ids.length === 0) return work();
    return new Promise((resolve, reject) => {
      const leave = (): void => reject(signal.reason);
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      const turn = this.#locks.runAll(ids.map(nameOf), async () => {
        signal.removeEventListener('abort', leave);
        signal.throwIfAborted();
        return await work();
      });
      turn.then(resolve, reject);
    });
  }

  /** A `locked` one inside of `locked`. */
  async use<T>(order: CacheMountOrder, work: (directory: string) => Promise<T>): Promise<T> {
    const name = nameOf(order.id);
    if (order.sharing !== 'private') return await this.#using(name, order, work);
    for (let i = 0; i < MAX_PRIVATE; i++) {
      const own = i === 0 ? name : `${name}-${i}`;
      if (!this.#users.has(own)) return await this.#using(own, order, work);
    }
    return await this.#using(name, order, work);
  }

  async #using<T>(name: string, order: CacheMountOrder, work: (directory: string) => Promise<T>): Promise<T> {
    const path = join(this.#root, name);
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
    this.#uses++;
    this.#sizes.delete(name);
    try {
      await this.#locks.run(`make ${name}`, () => this.#make(path, order));
      return await work(path);
    } finally {
      noteUse(path);
      const left = this.#users.get(name)! - 1;
      if (left > 0) this.#users.set(name, left);
      else this.#users.delete(name);
    }
  }

  async #make(path: string, order: CacheMountOrder): Promise<void> {
    if (existsSync(path)) return;
    const beside = `${path}.new`;
    await removeTree(beside).catch(() => {});
    mkdirSync(beside, { mode: 0o700 });
    await order.fill(beside);
    chownSync(beside, order.uid, order.gid);
    chmodSync(beside, order.mode);
    renameSync(beside, path);
  }

  async all(): Promise<KeptDirectory[]> {
    const found: KeptDirectory[] = [];
    for (const name of readdirSync(this.#root)) {
      if (name.includes('.')) continue;
      const path = join(this.#root, name);
      const stats = statSync(path, { throwIfNoEntry: false });
      if (!stats) continue;
      found.push({
        name,
        sizeBytes: await this.#sizeBytes(name),
        createdAtMs: stats.birthtimeMs,
        lastUsedAtMs: Math.max(stats.mtimeMs, stats.atimeMs),
        inUse: this.#users.has(name),
      });
    }
    return found;
  }

  /** Measured once for each use: there may be very much in it. */
  async #sizeBytes(name: string): Promise<number> {
    const known = this.#sizes.get(name);
    if (known !== undefined) return known;
    const uses = this.#uses;
    const sizeBytes = await treeSizeBytes(join(this.#root, name));
    if (uses === this.#uses && !this.#users.has(name)) this.#sizes.set(name, sizeBytes);
    return sizeBytes;
  }

  async remove(name: string): Promise<void> {
    if (this.#users.has(name)) return;
    this.#sizes.delete(name);
    const away = join(this.#root, `${name}.gone`);
    renameSync(join(this.#root, name), away);
    await removeTree(away);
  }
}

/** Steps may have changed only what is further below; the time of its last change is the steps'. */
function noteUse(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats) utimesSync(path, new Date(), stats.mtime);
}

const nameOf = (id: string): string => createHash('sha256').update(id).digest('hex');
