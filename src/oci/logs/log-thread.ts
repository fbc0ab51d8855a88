/**
 * The pumps of all containers work in a thread of their own: a container that writes without end, or a disk that
 * stalls, holds up no answer of the API. A thread that ends for whatever reason is begun anew; nothing is lost by that,
 * as the spools are files, and how far they have come is. One that has had nothing to do for a while is ended, and begun
 * anew when a container runs: it has a heap of its own.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { LogTarget } from './log-pump.ts';
import { LogPumps } from './log-pumps.ts';

/** What the rest of the engine has of the pumps; see LogPumps. */
export interface LogKeeper extends Pick<LogPumps, 'begin' | 'end' | 'settled' | 'forget'> {
  /** Told when a container is to be held back, as a program that is given its output takes too little; and until when. */
  onHold(listener: HoldListener): void;
}

export type HoldListener = (id: string, isHeld: boolean) => void;

export type LogOrder =
  | {
      readonly do: 'begin';
      readonly id: string;
      readonly spoolPath: string;
      readonly target: LogTarget;
      /** Counts all that were begun. */
      readonly run: number;
    }
  | { readonly do: 'end'; readonly id: string }
  | { readonly do: 'settled' | 'forget'; readonly id: string; readonly token: number }
  /** Whether there is nothing left to do. */
  | { readonly do: 'rest'; readonly token: number };

export type LogNewsItem =
  | { readonly settled: number }
  | { readonly failed: string; readonly reason: string }
  | { readonly held: string; readonly isHeld: boolean }
  /** Everything of a container up to that run is where it belongs. */
  | { readonly done: string; readonly run: number }
  | { readonly rested: number; readonly isIdle: boolean };

const MAX_HEAP_MB = 64;
const AGAIN_MS = 1000;
const IDLE_MS = 60_000;

/** Next to the daemon's own program; a run from sources, or a build with hooks for tests, does the work itself. */
const PROGRAM = fileURLToPath(new URL('./logs.mjs', import.meta.url));

export function makeLogKeeper(log: Log): LogKeeper {
  const warn = (id: string, reason: string): void =>
    log.warn({ container: id, error: reason }, 'the log of a container is not complete just now');
  if (!existsSync(PROGRAM)) return new LogsInPlace(warn);
  const start = (): Worker =>
    new Worker(PROGRAM, { execArgv: [], resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB } });
  return new LogThread({ log, warn, start, idleMs: IDLE_MS });
}

class LogsInPlace extends LogPumps implements LogKeeper {
  readonly #listeners: HoldListener[];

  constructor(warn: (id: string, reason: string) => void) {
    const listeners: HoldListener[] = [];
    super(warn, { hold: (id, isHeld) => listeners.forEach((listener) => listener(id, isHeld)) });
    this.#listeners = listeners;
  }

  onHold(listener: HoldListener): void {
    this.#listeners.push(listener);
  }
}

export interface LogThreadNeeds {
  readonly log: Pick<Log, 'error'>;
  readonly warn: (id: string, reason: string) => void;
  /** A thread of log-worker.ts. */
  readonly start: () => Worker;
  /** One that has had nothing to do for so long is ended. */
  readonly idleMs: number;
}

export class LogThread implements LogKeeper {
  readonly #needs: LogThreadNeeds;
  /** What a thread that is begun anew has to be told: of the containers of which not everything is done. */
  readonly #runs = new Map<string, (LogOrder & { readonly do: 'begin' | 'end' })[]>();
  readonly #waiting = new Map<number, () => void>();
  readonly #listeners: HoldListener[] = [];
  /** A thread that is begun anew says again whom it wants held. */
  readonly #held = new Set<string>();
  #worker: Worker | undefined;
  #again: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** The thread was asked whether it has nothing to do, and has been told nothing since. */
  #asked = 0;
  #last = 0;

  constructor(needs: LogThreadNeeds) {
    this.#needs = needs;
  }

  begin(id: string, spoolPath: string, target: LogTarget): void {
    const order = { do: 'begin', id, spoolPath, target, run: ++this.#last } as const;
    // Earlier runs of it that are not done yet are told first, and have ended.
    this.#runs.set(id, [
      ...(this.#runs.get(id) ?? []).filter((one) => one.do === 'begin' && existsSync(one.spoolPath)),
      order,
    ]);
    this.#say(order);
  }

  end(id: string): void {
    const orders = this.#runs.get(id);
    if (!orders) return;
    orders.push({ do: 'end', id });
    this.#say({ do: 'end', id });
  }

  settled(id: string): Promise<void> {
    return this.#runs.has(id) ? this.#ask('settled', id) : Promise.resolve();
  }

  forget(id: string): Promise<void> {
    return this.#runs.delete(id) ? this.#ask('forget', id) : Promise.resolve();
  }

  onHold(listener: HoldListener): void {
    this.#listeners.push(listener);
  }

  #hold(id: string, isHeld: boolean): void {
    if (isHeld) this.#held.add(id);
    else this.#held.delete(id);
    for (const listener of this.#listeners) listener(id, isHeld);
  }

  #ask(what: 'settled' | 'forget', id: string): Promise<void> {
    const token = ++this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(token, resolve);
      this.#say({ do: what, id, token });
    });
  }

  #say(order: LogOrder): void {
    clearTimeout(this.#idle);
    this.#asked = 0;
    if (this.#worker) return this.#worker.postMessage(order);
    // While a thread is about to be begun anew it is told then; whoever waits is answered with what there is.
    if (this.#again) return this.#answerAll();
    this.#start();
  }

  #start(): void {
    this.#again = undefined;
    const worker = this.#needs.start();
    this.#worker = worker;
    worker.unref();
    worker.on('message', (news: LogNewsItem) => this.#hear(news));
    worker.on('error', (error) =>
      this.#needs.log.error({ error: errorMessage(error) }, 'the thread of the logs has failed'),
    );
    worker.on('exit', () => {
      if (this.#worker !== worker) return; // as it had nothing to do
      this.#worker = undefined;
      clearTimeout(this.#idle);
      for (const id of this.#held) this.#hold(id, false);
      if (this.#runs.size > 0) this.#again = setTimeout(() => this.#start(), AGAIN_MS).unref();
      this.#answerAll();
    });
    for (const orders of this.#runs.values()) for (const order of orders) worker.postMessage(order);
  }

  #hear(news: LogNewsItem): void {
    if ('failed' in news) return this.#needs.warn(news.failed, news.reason);
    if ('held' in news) return this.#hold(news.held, news.isHeld);
    if ('rested' in news) {
      if (news.rested !== this.#asked) return;
      if (news.isIdle) return this.#retire();
    } else if ('done' in news) this.#done(news.done, news.run);
    else {
      this.#waiting.get(news.settled)?.();
      this.#waiting.delete(news.settled);
    }
    this.#restLater();
  }

  /** Unless it has been begun again meanwhile. */
  #done(id: string, run: number): void {
    const begun = this.#runs.get(id)?.findLast((order) => order.do === 'begin');
    if (begun?.do === 'begin' && begun.run === run) this.#runs.delete(id);
  }

  #restLater(): void {
    clearTimeout(this.#idle);
    if (this.#runs.size > 0 || this.#waiting.size > 0) return;
    this.#idle = setTimeout(() => {
      this.#asked = ++this.#last;
      this.#worker?.postMessage({ do: 'rest', token: this.#asked } satisfies LogOrder);
    }, this.#needs.idleMs).unref();
  }

  /** It has nothing to do, and is told nothing more. */
  #retire(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }

  #answerAll(): void {
    for (const resolve of this.#waiting.values()) resolve();
    this.#waiting.clear();
  }
}
