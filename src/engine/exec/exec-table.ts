/** Exec instances: made, started once, kept until their container is gone. They live in memory, as Docker's do. */
import { conflict, notFound } from '../../base/errors.ts';
import type { ExecHandle } from '../../oci/runtime.ts';
import type { ExecSpec } from '../../model/exec.ts';

export interface ExecEntry {
  readonly id: string;
  readonly containerId: string;
  readonly spec: ExecSpec;
  started: boolean;
  exitCode: number | null;
  pid: number;
  handle: ExecHandle | null;
}

/** Of one container: those that have ended, and those that nobody has started yet. The oldest are forgotten. */
const KEEP_ENDED = 200;
const KEEP_WAITING = 1000;
/** Of all containers together, what does not run: a command and its variables may be megabytes. */
const KEEP_BYTES = 64 * 1024 * 1024;
/** Kept ones are looked through only when so many more have come. */
const LOOK_EVERY = 100;

interface ContainerExecs {
  readonly entries: Map<string, ExecEntry>;
  lookAt: number;
}

export class ExecTable {
  readonly #entries = new Map<string, ExecEntry>();
  readonly #byContainer = new Map<string, ContainerExecs>();
  #bytes = 0;
  /** Those who wait until the start of an exec has come to something. */
  readonly #waiting = new Map<ExecEntry, Set<() => void>>();

  add(entry: ExecEntry): void {
    let own = this.#byContainer.get(entry.containerId);
    if (!own) this.#byContainer.set(entry.containerId, (own = { entries: new Map(), lookAt: LOOK_EVERY }));
    own.entries.set(entry.id, entry);
    this.#entries.set(entry.id, entry);
    this.#bytes += bytesOf(entry);
    if (own.entries.size >= own.lookAt) this.#forgetOldest(own);
    if (this.#bytes > KEEP_BYTES) this.#makeRoom(entry);
  }

  find(id: string): ExecEntry {
    const entry = this.#entries.get(id) ?? this.#byPrefix(id);
    if (!entry) throw notFound(`No such exec instance: ${id}`);
    return entry;
  }

  #byPrefix(id: string): ExecEntry | undefined {
    const matches = id.length < 4 ? [] : [...this.#entries.values()].filter((entry) => entry.id.startsWith(id));
    return matches.length === 1 ? matches[0] : undefined;
  }

  /** Claims the one start of an exec. */
  begin(entry: ExecEntry): void {
    if (entry.exitCode !== null) throw conflict(`exec command ${entry.id} has already run`);
    if (entry.started) throw conflict(`exec command ${entry.id} is already running`);
    entry.started = true;
  }

  /** It runs now, or never will. */
  settled(entry: ExecEntry): void {
    for (const tell of this.#waiting.get(entry) ?? []) tell();
  }

  /** Whether the start of an exec comes to something in time, where it has not yet. */
  whenSettled(entry: ExecEntry, timeoutMs: number): Promise<boolean> {
    if (entry.handle !== null || entry.exitCode !== null) return Promise.resolve(true);
    const waiting = this.#waiting.get(entry) ?? new Set();
    this.#waiting.set(entry, waiting);
    return new Promise((resolve) => {
      const end = (settled: boolean): void => {
        clearTimeout(timer);
        waiting.delete(tell);
        if (waiting.size === 0) this.#waiting.delete(entry);
        resolve(settled);
      };
      const tell = (): void => end(true);
      const timer = setTimeout(() => end(false), timeoutMs);
      waiting.add(tell);
    });
  }

  /** What runs of an exec. @throws notFound where it has ended, or never began */
  running(id: string): ExecHandle {
    const { handle } = this.find(id);
    if (!handle) throw notFound(`NotFound: process does not exist ${id}: not found`);
    return handle;
  }

  /** Ids of the execs that run in a container. */
  runningIn(containerId: string): string[] {
    return this.#of(containerId)
      .filter((entry) => entry.handle !== null)
      .map((entry) => entry.id);
  }

  /** What has not begun never will; what is about to is over. */
  containerEnded(containerId: string): void {
    for (const entry of this.#of(containerId)) {
      if (!entry.started) this.#forget(entry);
      else if (entry.exitCode === null && entry.handle === null) entry.exitCode = 137;
      this.settled(entry);
    }
  }

  containerRemoved(containerId: string): void {
    for (const entry of this.#of(containerId)) this.#forget(entry);
  }

  #of(containerId: string): ExecEntry[] {
    return [...(this.#byContainer.get(containerId)?.entries.values() ?? [])];
  }

  #forget(entry: ExecEntry): void {
    const own = this.#byContainer.get(entry.containerId);
    if (!this.#entries.delete(entry.id)) return;
    this.#bytes -= bytesOf(entry);
    own?.entries.delete(entry.id);
    if (own?.entries.size === 0) this.#byContainer.delete(entry.containerId);
    this.settled(entry);
  }

  /** A container that is probed for weeks must not keep every probe, nor what clients made and never came for. */
  #forgetOldest(own: ContainerExecs): void {
    const all = [...own.entries.values()];
    const ended = all.filter((entry) => entry.exitCode !== null);
    const waiting = all.filter((entry) => entry.exitCode === null && !entry.started);
    for (const entry of ended.slice(0, Math.max(0, ended.length - KEEP_ENDED))) this.#forget(entry);
    for (const entry of waiting.slice(0, Math.max(0, waiting.length - KEEP_WAITING))) this.#forget(entry);
    own.lookAt = own.entries.size + LOOK_EVERY;
  }

  /** The oldest that do not run go, until there is room for some more. */
  #makeRoom(newest: ExecEntry): void {
    for (const entry of this.#entries.values()) {
      if (this.#bytes <= KEEP_BYTES / 2) return;
      if (entry !== newest && (entry.exitCode !== null || !entry.started)) this.#forget(entry);
    }
  }
}

/** About what an entry takes. */
function bytesOf({ spec }: ExecEntry): number {
  return [...spec.cmd, ...spec.env, spec.user, spec.workingDir, spec.detachKeys].reduce(
    (sum, text) => sum + text.length,
    1024,
  );
}
