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

const KEEP_ENDED = 200;

export class ExecTable {
  readonly #entries = new Map<string, ExecEntry>();

  add(entry: ExecEntry): void {
    this.#entries.set(entry.id, entry);
    this.#forgetOldest(entry.containerId);
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

  /** What runs of an exec. @throws notFound where it has ended, or never began */
  running(id: string): ExecHandle {
    const { handle } = this.find(id);
    if (!handle) throw notFound(`NotFound: process does not exist ${id}: not found`);
    return handle;
  }

  /** Ids of the execs that run in a container. */
  runningIn(containerId: string): string[] {
    return [...this.#entries.values()]
      .filter((entry) => entry.containerId === containerId && entry.handle !== null)
      .map((entry) => entry.id);
  }

  /** What has not begun never will; what is about to is over. */
  containerEnded(containerId: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.containerId !== containerId) continue;
      if (!entry.started) this.#entries.delete(entry.id);
      else if (entry.exitCode === null && entry.handle === null) entry.exitCode = 137;
    }
  }

  containerRemoved(containerId: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.containerId === containerId) this.#entries.delete(entry.id);
    }
  }

  /** A container that is probed for weeks must not keep every probe. */
  #forgetOldest(containerId: string): void {
    const ended = [...this.#entries.values()].filter(
      (entry) => entry.containerId === containerId && entry.exitCode !== null,
    );
    for (const entry of ended.slice(0, Math.max(0, ended.length - KEEP_ENDED))) this.#entries.delete(entry.id);
  }
}
