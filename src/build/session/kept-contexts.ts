/**
 * Directories of clients, kept from build to build: a client sends what has changed since. One that a build is using stays as
 * it is for it; a build that begins meanwhile gets all files anew.
 */
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, renameSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { removeTree } from '../../base/remove-tree.ts';
import { treeSizeBytes } from '../../image/tree-size.ts';
import type { KeptDirectory } from '../cache-records.ts';

/** More than these, and the ones that were used last are left. */
const MAX_KEPT = 10;
const KEPT = 'kept-';

export interface ContextDirectory {
  readonly path: string;
  /** Nobody uses it any more. */
  release(): Promise<void>;
}

export class KeptContexts {
  readonly #root: string;
  readonly #trash: string;
  readonly #inUse = new Set<string>();
  readonly #sizes = new Map<string, { readonly usedMs: number; readonly sizeBytes: number }>();

  constructor(root: string) {
    this.#root = root;
    this.#trash = `${root}-gone`;
    for (const directory of [this.#root, this.#trash]) mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.#trash)) void removeTree(join(this.#trash, name)).catch(() => {});
    // What a build had that a crash ended.
    for (const name of readdirSync(this.#root)) if (name.startsWith('own-')) void this.#remove(name).catch(() => {});
  }

  /** `key`: '' = it is not kept. `fill` makes it what it is to be, from whatever it holds. */
  async take(key: string, fill: (path: string) => Promise<void>): Promise<ContextDirectory> {
    const kept = `${KEPT}${createHash('sha256').update(key).digest('hex')}`;
    const name = key === '' || this.#inUse.has(kept) ? `own-${randomBytes(12).toString('hex')}` : kept;
    const path = join(this.#root, name);
    this.#inUse.add(name);
    const release = async (): Promise<void> => {
      this.#inUse.delete(name);
      if (name !== kept) return await this.#remove(name);
      utimesSync(path, new Date(), new Date());
      await this.#trim();
    };
    try {
      mkdirSync(path, { recursive: true });
      // A copy of the context as a whole has this mode; nobody else comes this far.
      chmodSync(path, 0o755);
      await fill(path);
      return { path, release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  async #remove(name: string): Promise<void> {
    this.#sizes.delete(name);
    const gone = join(this.#trash, `${name}-${randomBytes(6).toString('hex')}`);
    renameSync(join(this.#root, name), gone);
    await removeTree(gone);
  }

  async #trim(): Promise<void> {
    const idle = readdirSync(this.#root)
      .filter((name) => name.startsWith(KEPT) && !this.#inUse.has(name))
      .map((name) => ({ name, usedMs: statSync(join(this.#root, name)).mtimeMs }))
      .sort((a, b) => b.usedMs - a.usedMs);
    for (const { name } of idle.slice(MAX_KEPT)) await this.#remove(name);
  }

  /** Those that are kept. */
  async all(): Promise<KeptDirectory[]> {
    const found: KeptDirectory[] = [];
    for (const name of readdirSync(this.#root).filter((one) => one.startsWith(KEPT))) {
      const path = join(this.#root, name);
      const stats = statSync(path, { throwIfNoEntry: false });
      if (!stats) continue;
      found.push({
        name: name.slice(KEPT.length),
        sizeBytes: await this.#sizeBytes(name, stats.mtimeMs),
        createdAtMs: stats.birthtimeMs,
        lastUsedAtMs: stats.mtimeMs,
        inUse: this.#inUse.has(name),
      });
    }
    return found;
  }

  /** Measured once for each use: there may be very much in it. */
  async #sizeBytes(name: string, usedMs: number): Promise<number> {
    const known = this.#sizes.get(name);
    if (known?.usedMs === usedMs) return known.sizeBytes;
    const sizeBytes = await treeSizeBytes(join(this.#root, name));
    this.#sizes.set(name, { usedMs, sizeBytes });
    return sizeBytes;
  }

  /** Unless a build is using it. */
  async remove(name: string): Promise<void> {
    if (!this.#inUse.has(KEPT + name)) await this.#remove(KEPT + name);
  }
}
