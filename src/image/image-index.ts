/**
 * Which images, names and layers there are: one JSON file, replaced whole (written to a temporary file, made durable,
 * renamed), so that after a crash at any instruction it is the old one or the new one. Readers get immutable snapshots.
 */
import { linkSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { errorCode, systemError } from '../base/errors.ts';
import { writeDurably } from './durable-file.ts';
import {
  formatIndex,
  indexFile,
  previousIndexFile,
  readIndexFile,
  type IndexDraft,
  type IndexState,
} from './index-file.ts';
import { storageError } from './storage-errors.ts';

/** Changes with every boot of the machine. */
export function currentBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

export class ImageIndex {
  readonly #root: string;
  #state: IndexState;
  /** Whether the file is there. */
  #stored: boolean;
  /** The previous state, while several changes are combined. */
  #before: IndexState | undefined;
  /** Some changes are not written yet. */
  #isBehind = false;
  /** What the file is about to name is to be on the disk first. */
  beforeWriting: () => void = () => {};

  private constructor(root: string, found: IndexState | undefined) {
    this.#root = root;
    this.#state = found ?? emptyIndex(currentBootId());
    this.#stored = found !== undefined;
  }

  /** One that is damaged has been replaced before: see index-repair.ts. */
  static open(root: string): ImageIndex {
    // What a crash kept from taking its place.
    for (const file of [indexFile(root), previousIndexFile(root)]) rmSync(`${file}.new`, { force: true });
    const path = indexFile(root);
    const found = readIndexFile(path);
    if (found && 'damage' in found) throw systemError(`the image index ${path} is damaged: ${found.damage}`);
    const index = new ImageIndex(root, found?.state);
    // From now on, a missing index is one that was lost.
    if (!found) index.update(() => {});
    return index;
  }

  get state(): IndexState {
    return this.#state;
  }

  /** Changes it. Durable when it returns; if it throws nothing has changed. Synchronous: no change can come between. */
  update<T>(change: (draft: IndexDraft) => T): T {
    const { draft, result } = this.#changed(change);
    if (!this.#before) this.#write(draft);
    this.#state = { bootId: this.#state.bootId, ...draft };
    return result;
  }

  /**
   * The same, but for the disk, which gets it with the next `update` or `flush`: of what nobody has been told is there.
   */
  updateSoon<T>(change: (draft: IndexDraft) => T): T {
    const { draft, result } = this.#changed(change);
    this.#state = { bootId: this.#state.bootId, ...draft };
    this.#isBehind = true;
    return result;
  }

  /** Everything is durable when it returns. */
  flush(): void {
    if (this.#isBehind && !this.#before) this.#write(this.#state);
  }

  #changed<T>(change: (draft: IndexDraft) => T): { draft: IndexDraft; result: T } {
    const draft: IndexDraft = {
      images: new Map(this.#state.images),
      references: new Map(this.#state.references),
      layers: new Map(this.#state.layers),
      compressed: new Map(this.#state.compressed),
    };
    return { draft, result: change(draft) };
  }

  get isHeld(): boolean {
    return this.#before !== undefined;
  }

  /**
   * Changes that `work` makes are seen at once and written as one, if it throws too; nothing has changed if that cannot
   * be written.
   */
  atOnce<T>(work: () => T): T {
    const before = this.#state;
    this.#before = before;
    try {
      return work();
    } finally {
      this.#before = undefined;
      const after = this.#state;
      this.#state = before;
      if (after !== before) this.#write(after);
      this.#state = after;
    }
  }

  /**
   * What a crash of the machine may have lost has been handled; until then the previous boot stays noted, whatever else
   * changes.
   */
  enterBoot(): void {
    if (this.#state.bootId === currentBootId()) return;
    const state = { ...this.#state, bootId: currentBootId() };
    this.#write(state, state.bootId);
    this.#state = state;
  }

  #write(state: Omit<IndexState, 'bootId'>, bootId = this.#state.bootId): void {
    this.beforeWriting();
    keepPrevious(this.#root);
    writeDurably(indexFile(this.#root), formatIndex(state, bootId), () =>
      this.#stored ? formatIndex(this.#state, this.#state.bootId) : undefined,
    );
    this.#stored = true;
    this.#isBehind = false;
  }
}

export const emptyIndex = (bootId: string): IndexState => ({
  bootId,
  images: new Map(),
  references: new Map(),
  layers: new Map(),
  compressed: new Map(),
});

/**
 * A second name for the file that is about to be replaced: it was durable when it came, so nothing has to be written.
 */
function keepPrevious(root: string): void {
  const beside = `${previousIndexFile(root)}.new`;
  try {
    rmSync(beside, { force: true });
    linkSync(indexFile(root), beside);
    renameSync(beside, previousIndexFile(root));
    rmSync(beside, { force: true }); // rename does nothing where both are names of one file already
  } catch (error) {
    rmSync(beside, { force: true });
    // The first one replaces none; and a file system without links has no second name.
    if (!['ENOENT', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(errorCode(error) ?? ''))
      throw storageError('link', beside, error);
  }
}
