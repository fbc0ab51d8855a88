/**
 * Mounts of running containers that are lent to copies. The container may end before the copy does: its mount then goes
 * with the last loan, unless it runs again by then.
 */
export class MountLoans {
  readonly #lent = new Map<string, number>();
  readonly #over = new Set<string>();

  /** `unmount` is called when the last loan is returned and nothing else needs the mount. Returns how to return it. */
  lend(id: string, unmount: () => void): () => void {
    this.#lent.set(id, (this.#lent.get(id) ?? 0) + 1);
    let returned = false;
    return () => {
      if (returned) return;
      returned = true;
      const left = (this.#lent.get(id) ?? 0) - 1;
      if (left > 0) return void this.#lent.set(id, left);
      this.#lent.delete(id);
      if (this.#over.delete(id)) unmount();
    };
  }

  /** Whether the mount can go now; else it goes with the last loan. */
  mayGo(id: string): boolean {
    if (!this.#lent.has(id)) return true;
    this.#over.add(id);
    return false;
  }

  /** The container is about to run: the mount is its own again. */
  needed(id: string): void {
    this.#over.delete(id);
  }
}
