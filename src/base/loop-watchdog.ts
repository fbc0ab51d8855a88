/**
 * Reports what blocked the event loop for longer than any request should have to wait. While something happens (see
 * activity.ts) it looks at the clock twenty times a second; while nothing does, it sleeps, and so does the process.
 *
 * `cpuMs` is what the process (all its threads) worked meanwhile: far less than `blockedMs` means that it waited, for
 * the disk, or for its turn on a machine that is too busy.
 */
import { activitiesUnderWay, latestActivities, listenToBeats, type Activity } from './activity.ts';

const TICK_MS = 50;
const REST_AFTER_MS = 1000;
const NAMED = 5;
const BLOCKED_MS = 200;

export interface LoopBlock {
  readonly blockedMs: number;
  readonly cpuMs: number;
  readonly lately: readonly string[];
  readonly underWay: readonly string[];
  readonly underWayCount: number;
}

export const BLOCKED_MESSAGE = 'the event loop was blocked: nobody was answered meanwhile';

export class LoopWatchdog {
  readonly #tell: (block: LoopBlock) => void;
  #timer: NodeJS.Timeout | undefined;
  #tickMs = 0;
  #cpuUs = 0;
  #beatSeen = false;
  #idleMs = 0;

  /** `tell` is called after each time that the loop stood still for more than 200 ms. */
  constructor(tell: (block: LoopBlock) => void) {
    this.#tell = tell;
    listenToBeats(() => {
      this.#beatSeen = true;
      if (this.#timer === undefined) this.#start();
    });
  }

  /** It looks at the clock. */
  get awake(): boolean {
    return this.#timer !== undefined;
  }

  close(): void {
    listenToBeats(undefined);
    this.#rest();
  }

  #start(): void {
    this.#tickMs = performance.now();
    this.#cpuUs = cpuUs();
    this.#idleMs = 0;
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const nowMs = performance.now();
    const betweenMs = nowMs - this.#tickMs;
    const usedUs = cpuUs();
    // Between two looks at the clock there is the block, and at most one tick more.
    if (betweenMs > BLOCKED_MS + TICK_MS) this.#report(nowMs, betweenMs, (usedUs - this.#cpuUs) / 1000);
    this.#tickMs = nowMs;
    this.#cpuUs = usedUs;
    this.#idleMs = this.#beatSeen ? 0 : this.#idleMs + betweenMs;
    this.#beatSeen = false;
    if (this.#idleMs > REST_AFTER_MS) this.#rest();
  }

  #report(nowMs: number, blockedMs: number, cpuMs: number): void {
    const name = ({ what, sinceMs }: Activity): string => `${what} (${Math.round(nowMs - sinceMs)} ms ago)`;
    const underWay = activitiesUnderWay();
    this.#tell({
      blockedMs: Math.round(blockedMs),
      cpuMs: Math.round(cpuMs),
      lately: latestActivities().slice(0, NAMED).map(name),
      underWay: underWay.slice(-NAMED).map(name),
      underWayCount: underWay.length,
    });
  }
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
