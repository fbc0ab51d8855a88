/** Directories of builds that are under way: contexts, files that were fetched. None of them outlives its build. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { removeTree } from '../base/remove-tree.ts';

export class WorkDirectories {
  readonly #root: string;

  /** What a crash left is removed. */
  constructor(root: string) {
    this.#root = root;
    mkdirSync(root, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(root)) void removeTree(join(root, name)).catch(() => {});
  }

  make(): { readonly path: string; remove(): Promise<void> } {
    const path = join(this.#root, randomBytes(12).toString('hex'));
    mkdirSync(path, { mode: 0o700 });
    return {
      path,
      remove: async () => {
        const away = `${path}.gone`;
        renameSync(path, away);
        await removeTree(away);
      },
    };
  }
}
