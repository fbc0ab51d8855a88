/**
 * Tells a reader that follows a log when to look again: the file changed, the writer ended, the time is over, the
 * reader left.
 *
 * The watch is set for one change only, and set again by a reader that has read everything: libuv reads events as long
 * as there are any, so that with a watch that stays, a container that writes faster than its events are handled would
 * have the event loop for itself.
 */
import { watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LogReadControl {
  /** The reader has gone. */
  readonly signal?: AbortSignal;
  /** Nothing more will be written: with `follow` the rest is read and the frames end. */
  readonly ended?: Promise<unknown>;
}

/**
 * Changes of a log that is written all the time are looked at so often: the lines of the time between come together.
 */
const PACE_MS = 25;
/** Where the system has no more watches to give. */
const POLL_MS = 500;

export class LogNews {
  over = false;
  readonly #path: string;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #signal: AbortSignal | undefined;
  #watcher: FSWatcher | undefined;
  #poll: NodeJS.Timeout | undefined;
  #changed = false;
  #lastMs = 0;
  #wake: (() => void) | undefined;
  readonly #onAbort = () => this.#wake?.();

  constructor(path: string, untilNs: bigint, control: LogReadControl) {
    this.#path = path;
    void control.ended?.then(
      () => this.#end(),
      () => this.#end(),
    );
    this.#signal = control.signal;
    this.#signal?.addEventListener('abort', this.#onAbort);
    if (untilNs > 0n) {
      const delayMs = Number(untilNs / 1_000_000n) - Date.now();
      this.#timer = setTimeout(() => this.#end(), Math.min(Math.max(delayMs, 0), 2 ** 31 - 1));
    }
  }

  get watching(): boolean {
    return this.#watcher !== undefined || this.#poll !== undefined || this.#changed;
  }

  /** Earlier changes are not notified: read once more before waiting. */
  watch(): void {
    const name = basename(this.#path);
    try {
      // The directory, not the file: the file is replaced, and may not be there yet.
      this.#watcher = watch(dirname(this.#path), { persistent: false }, (_event, changed) => {
        if (changed === null || changed === name) this.#tell();
      });
      this.#watcher.on('error', () => this.#end());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return this.#end();
      this.#poll = setTimeout(() => this.#tell(), POLL_MS);
    }
  }

  /** Until there is reason to look again; the watch is over then. */
  async wait(): Promise<void> {
    while (!this.#changed && !this.over && !this.#signal?.aborted) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
    this.#unwatch();
    this.#changed = false;
    const earlyMs = this.#lastMs + PACE_MS - performance.now();
    if (earlyMs > 0 && !this.over && !this.#signal?.aborted) await sleep(earlyMs);
    this.#lastMs = performance.now();
  }

  #tell(): void {
    this.#changed = true;
    this.#unwatch();
    this.#wake?.();
  }

  #end(): void {
    this.over = true;
    this.#wake?.();
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    clearTimeout(this.#poll);
    this.#poll = undefined;
  }

  close(): void {
    this.#unwatch();
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}
