/** The pumps of all containers, a piece of each in turn, woken by changes of what they take from. */
import { statSync, watch, type FSWatcher } from 'node:fs';
import { errorMessage } from '../../base/errors.ts';
import { isCompressing } from './full-files.ts';
import { HOLD_BYTES } from './log-sender.ts';
import { LogPump, type LogTarget, type TurnResult } from './log-pump.ts';
import { isEmptying } from './ring-forwarder.ts';

/** Changes of a spool that is written all the time are looked at so often. */
const PACE_MS = 10;
/** Where the system has no more watches to give. */
const POLL_MS = 250;
const RETRY_MS = 1000;

interface Waiter {
  readonly spoolPath: string;
  readonly size: number;
  readonly resolve: () => void;
}

interface Entry {
  readonly id: string;
  readonly pump: LogPump;
  readonly waiters: Waiter[];
  watcher: FSWatcher | undefined;
  timer: NodeJS.Timeout | undefined;
  lastMs: number;
  queued: boolean;
  failed: boolean;
}

export interface PumpOptions {
  /** A container is to be held back, or not any more. */
  readonly hold?: (id: string, isHeld: boolean) => void;
  /** Everything of a container is in its log, and was given to the program that is to have it. */
  readonly done?: (id: string) => void;
  /** So much waits for another program before a container is held, in bytes. */
  readonly holdBytes?: number;
}

export class LogPumps {
  readonly #warn: (id: string, reason: string) => void;
  readonly #options: PumpOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #ready: Entry[] = [];
  #scheduled = false;

  constructor(warn: (id: string, reason: string) => void, options: PumpOptions = {}) {
    this.#warn = warn;
    this.#options = options;
  }

  /** Nothing is stored, sent or compressed, and nothing is waited for. */
  get isIdle(): boolean {
    return this.#entries.size === 0 && !isEmptying() && !isCompressing();
  }

  /** A run's output comes to `spoolPath`, which is there already. Earlier runs of the container have ended. */
  begin(id: string, spoolPath: string, target: LogTarget): void {
    const entry = this.#entries.get(id) ?? this.#add(id, target);
    entry.pump.add(spoolPath);
    this.#wake(entry);
  }

  /** Nothing more will be written. */
  end(id: string): void {
    const entry = this.#entries.get(id);
    entry?.pump.end();
    if (entry) this.#wake(entry);
  }

  /** Resolves when what has been written by now is in the log, or cannot be brought there just now. */
  settled(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    const spoolPath = entry?.pump.lastSpoolPath;
    if (!entry || spoolPath === undefined) return Promise.resolve();
    const size = statSync(spoolPath, { throwIfNoEntry: false })?.size ?? 0;
    return new Promise((resolve) => {
      const waiter = { spoolPath, size, resolve };
      entry.waiters.push(waiter);
      this.#wake(entry);
    });
  }

  /** Its files are not touched any more. */
  async forget(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry) this.#drop(entry);
  }

  #add(id: string, target: LogTarget): Entry {
    const { hold, holdBytes = HOLD_BYTES } = this.#options;
    const pump = new LogPump(target, {
      warn: (reason) => this.#warn(id, reason),
      hold: (isHeld) => hold?.(id, isHeld),
      wake: () => this.#wake(entry),
      holdBytes,
    });
    const entry: Entry = {
      id,
      pump,
      waiters: [],
      watcher: undefined,
      timer: undefined,
      lastMs: 0,
      queued: false,
      failed: false,
    };
    this.#entries.set(id, entry);
    return entry;
  }

  #drop(entry: Entry, { isDone = false } = {}): void {
    this.#unwatch(entry);
    this.#entries.delete(entry.id);
    entry.pump.close({ isDone });
    this.#answer(entry, entry.waiters);
    if (isDone) this.#options.done?.(entry.id);
  }

  #wake(entry: Entry): void {
    this.#unwatch(entry);
    if (entry.queued) return;
    entry.queued = true;
    this.#ready.push(entry);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#ready.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      const entry = this.#ready.shift();
      if (entry && this.#entries.get(entry.id) === entry) this.#run(entry);
      this.#schedule();
    });
  }

  #run(entry: Entry): void {
    entry.lastMs = performance.now();
    // Who asks while the turn goes on is answered by the next one.
    const asked = [...entry.waiters];
    try {
      this.#came(entry, entry.pump.turn(), asked);
    } catch (error) {
      this.#fail(entry, error);
    }
  }

  #came(entry: Entry, came: TurnResult, asked: readonly Waiter[]): void {
    entry.queued = false;
    entry.failed = false;
    // Watched before the last look: what is written after it is notified.
    const watched = entry.watcher !== undefined || entry.timer !== undefined;
    if (came === 'done') return this.#drop(entry, { isDone: true });
    this.#answer(entry, came === 'more' ? [] : asked);
    if (came === 'stored') return this.#unwatch(entry); // until the rest is sent, or another run begins
    if (came === 'more') this.#wake(entry);
    else if (!watched) this.#watch(entry);
  }

  #fail(entry: Entry, error: unknown): void {
    entry.queued = false;
    if (!entry.failed) this.#warn(entry.id, `output cannot be stored, and is tried again: ${errorMessage(error)}`);
    entry.failed = true;
    entry.pump.recover();
    this.#answer(entry, entry.waiters);
    this.#unwatch(entry);
    // A spool that is gone has nothing more to give.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && entry.pump.dropMissing()) return this.#wake(entry);
    entry.timer = setTimeout(() => this.#wake(entry), RETRY_MS);
  }

  /** `done`: these in any case. */
  #answer({ waiters, pump }: Entry, done: readonly Waiter[]): void {
    const answered = waiters.filter((one) => done.includes(one) || pump.isPast(one.spoolPath, one.size));
    for (const one of answered) {
      waiters.splice(waiters.indexOf(one), 1);
      one.resolve();
    }
  }

  #watch(entry: Entry): void {
    const path = entry.pump.spoolPath!;
    const changed = () => {
      this.#unwatch(entry);
      const earlyMs = entry.lastMs + PACE_MS - performance.now();
      if (earlyMs > 0) entry.timer = setTimeout(() => this.#wake(entry), earlyMs);
      else this.#wake(entry);
    };
    try {
      entry.watcher = watch(path, { persistent: false }, changed).on('error', changed);
    } catch {
      entry.timer = setTimeout(() => this.#wake(entry), POLL_MS);
    }
    entry.queued = true;
    this.#ready.push(entry);
    this.#schedule();
  }

  #unwatch(entry: Entry): void {
    entry.watcher?.close();
    entry.watcher = undefined;
    clearTimeout(entry.timer);
    entry.timer = undefined;
  }
}
