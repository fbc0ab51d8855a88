/** Directories of builds that are under way: contexts, files that were fetched. None of them outlives its build. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { unmountBelow } from '../image/left-mounts.ts';
import { removeTree } from '../base/remove-tree.ts';

export interface WorkDirectory {
  readonly path: string;
  /** Out of the way when it resolves; deleted by then if that `isAwaited`. */
  remove(options?: { readonly isAwaited?: boolean }): Promise<void>;
}

/** At a time, of builds that have ended. */
const MAX_DELETIONS = 2;

export class WorkDirectories {
  readonly #root: string;
  readonly #trash: string;
  readonly #deletions = new Set<Promise<void>>();

  /** What a crash left is out of the way at once, and deleted soon after. */
  constructor(root: string) {
    this.#root = root;
    this.#trash = `${root}-gone`;
    for (const directory of [this.#root, this.#trash]) unmountBelow(directory); // what steps were to write to
    for (const directory of [this.#root, this.#trash]) mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.#root)) renameSync(`${this.#root}/${name}`, `${this.#trash}/${name}`);
    // What cannot be deleted now is tried again by the next daemon.
    for (const name of readdirSync(this.#trash)) void removeTree(`${this.#trash}/${name}`).catch(() => {});
  }

  make(): WorkDirectory {
    const name = randomBytes(12).toString('hex');
    const path = `${this.#root}/${name}`;
    // Nobody else comes this far; a copy of the context as a whole has this mode.
    mkdirSync(path, { mode: 0o755 });
    return {
      path,
      remove: async ({ isAwaited = false } = {}) => {
        renameSync(path, `${this.#trash}/${name}`);
        const deletion = removeTree(`${this.#trash}/${name}`);
        this.#deletions.add(deletion);
        void deletion.catch(() => {}).finally(() => this.#deletions.delete(deletion));
        // A build need not wait until thousands of files are deleted, unless they come faster than they go.
        if (isAwaited || this.#deletions.size > MAX_DELETIONS) await deletion;
      },
    };
  }
}
