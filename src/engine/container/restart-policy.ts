/** When a container that ended is started again, and after how long. */
import { conflict, invalid } from '../../base/errors.ts';
import type { ContainerRecord, RestartPolicy } from '../../model/container.ts';

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 60_000;
const STEADY_MS = 10_000;

/** `exitCode` of the run that ended; `restartCount` of restarts so far. */
export function shouldRestart(
  policy: RestartPolicy,
  exit: { exitCode: number; stoppedByUser: boolean; restartCount: number },
): boolean {
  if (exit.stoppedByUser) return false;
  if (policy.name === 'always' || policy.name === 'unless-stopped') return true;
  if (policy.name !== 'on-failure' || exit.exitCode === 0) return false;
  return policy.maximumRetryCount === 0 || exit.restartCount < policy.maximumRetryCount;
}

/** When the daemon starts: `always` forgets that the user stopped it, `unless-stopped` does not. */
export function shouldStartWithDaemon(record: ContainerRecord): boolean {
  const policy = record.spec.host.restartPolicy;
  if (record.state.status === 'created') return false;
  if (policy.name === 'always') return true;
  if (policy.name === 'unless-stopped') return !record.stoppedByUser;
  return (
    policy.name === 'on-failure' &&
    !record.stoppedByUser &&
    record.state.exitCode !== 0 &&
    (policy.maximumRetryCount === 0 || record.restartCount < policy.maximumRetryCount)
  );
}

/** It does not run, and is started when the daemon is: by its policy, or because its restart was under way. */
export function isStartedWithDaemon(record: ContainerRecord): boolean {
  return record.state.status === 'restarting' || shouldStartWithDaemon(record);
}

/** Timers of containers that wait to be started again; the delay doubles with each quick failure. */
export class RestartTimers {
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #delays = new Map<string, number>();
  readonly #awaitingAddress = new Set<string>();
  readonly #byUser = new Map<string, number>();
  #ended = false;
  #heldBack = false;
  #suspended = false;

  /** While the user's `restart` of a container is on: its run ends only to begin again. */
  async duringRestart<T>(id: string, work: () => Promise<T>): Promise<T> {
    this.#byUser.set(id, (this.#byUser.get(id) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = this.#byUser.get(id)! - 1;
      if (left === 0) this.#byUser.delete(id);
      else this.#byUser.set(id, left);
    }
  }

  isRestartedByUser(id: string): boolean {
    return this.#byUser.has(id);
  }

  /** Containers that end now are started with the daemon: the next one, where this one is shutting down. */
  get ended(): boolean {
    return this.#ended || this.#suspended;
  }

  end(): void {
    this.#ended = true;
    this.cancelAll();
  }

  schedule(id: string, ranMs: number, start: () => void): void {
    this.cancel(id);
    const before = this.#delays.get(id) ?? 0;
    const delayMs = ranMs >= STEADY_MS || before === 0 ? FIRST_DELAY_MS : Math.min(before * 2, LONGEST_DELAY_MS);
    this.#delays.set(id, delayMs);
    if (this.#heldBack) return;
    this.#timers.set(
      id,
      setTimeout(() => {
        this.#timers.delete(id);
        start();
      }, delayMs),
    );
  }

  /**
   * While a daemon looks at what an earlier one left: what is to be restarted then is started with the daemon, in order,
   * and not when a delay is over.
   */
  async holdBackDuring<T>(work: () => Promise<T>): Promise<T> {
    this.#heldBack = true;
    try {
      return await work();
    } finally {
      this.#heldBack = false;
    }
  }

  /** While a daemon that starts ends what an earlier one left: that is no restart. */
  async suspendDuring<T>(work: () => Promise<T>): Promise<T> {
    this.#suspended = true;
    try {
      return await work();
    } finally {
      this.#suspended = false;
    }
  }

  /** True when a restart was pending and now is not. */
  cancel(id: string): boolean {
    const timer = this.#timers.get(id);
    clearTimeout(timer);
    return this.#timers.delete(id);
  }

  /** The user took over: the next failure begins with the short delay. */
  forget(id: string): void {
    this.cancel(id);
    this.#delays.delete(id);
    this.#awaitingAddress.delete(id);
  }

  /** It publishes on an address that the host does not have yet, and is started when that comes. */
  awaitAddress(id: string): void {
    this.#awaitingAddress.add(id);
  }

  isAwaitingAddress(id: string): boolean {
    return this.#awaitingAddress.has(id);
  }

  /** It is tried again, which waits for nothing. True when it did. */
  addressCame(id: string): boolean {
    return this.#awaitingAddress.delete(id);
  }

  cancelAll(): void {
    for (const id of this.#timers.keys()) this.cancel(id);
  }
}

/** Docker's words for `update`, which differ from those for `create`. @throws conflict */
export function checkChangedRestartPolicy(policy: RestartPolicy, autoRemove: boolean): void {
  if (autoRemove && policy.name !== 'no')
    throw conflict('Restart policy cannot be updated because AutoRemove is enabled for the container');
}

export function checkRestartPolicy(policy: RestartPolicy, autoRemove: boolean): void {
  if (autoRemove && policy.name !== 'no') throw invalid("can't create 'AutoRemove' container with restart policy");
}
