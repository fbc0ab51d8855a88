/**
 * Which containers were told to stop and have not ended yet: the event of the stop comes with the exit, before `die`, as
 * Docker sends them.
 */
export class AskedStops {
  readonly #ids = new Set<string>();

  add(id: string): void {
    this.#ids.add(id);
  }

  /** True once for each that was added: whoever takes it tells of the stop. */
  take(id: string): boolean {
    return this.#ids.delete(id);
  }
}
