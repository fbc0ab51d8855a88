/**
 * The pumps of all containers work in a thread of their own: a container that writes without end, or a disk that
 * stalls, holds up no answer of the API. A thread that ends for whatever reason is begun anew; nothing is lost by that,
 * as the spools are files, and how far they have come is.
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
  | { readonly do: 'begin'; readonly id: string; readonly spoolPath: string; readonly target: LogTarget }
  | { readonly do: 'end'; readonly id: string }
  | { readonly do: 'settled' | 'forget'; readonly id: string; readonly token: number };

export type LogNewsItem =
  | { readonly settled: number }
  | { readonly failed: string; readonly reason: string }
  | { readonly held: string; readonly isHeld: boolean };

const MAX_HEAP_MB = 64;
const AGAIN_MS = 1000;

/** Next to the daemon's own program; a run from sources, or a build with hooks for tests, does the work itself. */
const PROGRAM = fileURLToPath(new URL('./logs.mjs', import.meta.url));

export function makeLogKeeper(log: Log): LogKeeper {
  const warn = (id: string, reason: string): void =>
    log.warn({ container: id, error: reason }, 'the log of a container is not complete just now');
  return existsSync(PROGRAM) ? new LogThread(log, warn) : new LogsInPlace(warn);
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

class LogThread implements LogKeeper {
  readonly #log: Log;
  readonly #warn: (id: string, reason: string) => void;
  /** What a thread that is begun anew has to be told. */
  readonly #runs = new Map<string, (LogOrder & { readonly do: 'begin' | 'end' })[]>();
  readonly #waiting = new Map<number, () => void>();
  readonly #listeners: HoldListener[] = [];
  /** A thread that is begun anew says again whom it wants held. */
  readonly #held = new Set<string>();
  #worker: Worker | undefined;
  #again: NodeJS.Timeout | undefined;
  #last = 0;

  constructor(log: Log, warn: (id: string, reason: string) => void) {
    this.#log = log;
    this.#warn = warn;
  }

  begin(id: string, spoolPath: string, target: LogTarget): void {
    const order = { do: 'begin', id, spoolPath, target } as const;
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
    if (this.#worker) return this.#worker.postMessage(order);
    // While a thread is about to be begun anew it is told then; whoever waits is answered with what there is.
    if (this.#again) return this.#answerAll();
    this.#start();
  }

  #start(): void {
    this.#again = undefined;
    const worker = new Worker(PROGRAM, { execArgv: [], resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB } });
    this.#worker = worker;
    worker.unref();
    worker.on('message', (news: LogNewsItem) => this.#hear(news));
    worker.on('error', (error) => this.#log.error({ error: errorMessage(error) }, 'the thread of the logs has failed'));
    worker.on('exit', () => {
      this.#worker = undefined;
      for (const id of this.#held) this.#hold(id, false);
      this.#again = setTimeout(() => this.#start(), AGAIN_MS).unref();
      this.#answerAll();
    });
    for (const orders of this.#runs.values()) for (const order of orders) worker.postMessage(order);
  }

  #hear(news: LogNewsItem): void {
    if ('failed' in news) return this.#warn(news.failed, news.reason);
    if ('held' in news) return this.#hold(news.held, news.isHeld);
    this.#waiting.get(news.settled)?.();
    this.#waiting.delete(news.settled);
  }

  #answerAll(): void {
    for (const resolve of this.#waiting.values()) resolve();
    this.#waiting.clear();
  }
}
