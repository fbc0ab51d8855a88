/**
 * Containers whose output is held back, as another program that is to have it takes too little: their conmon is stopped.
 * Its pipes fill, and the container waits where it writes, as with Docker. Nothing else of it waits: signals go to its
 * processes, and with the end of its first process conmon goes on and reports it.
 *
 * A mark in the bundle says so: a daemon that was killed leaves a conmon that the next one lets go on.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerNote } from './container-note.ts';
import type { WatchedProcess } from './container-process.ts';

interface HeldContainer {
  readonly note: ContainerNote;
  readonly conmon: WatchedProcess;
  readonly process: WatchedProcess | undefined;
}

const [SIGCONT, SIGSTOP] = [18, 19];
const markOf = (bundle: string): string => join(bundle, 'output-held');

export class OutputHolds<T extends HeldContainer> {
  readonly #find: (id: string) => T | undefined;
  /** Also such as do not run just now. */
  readonly #wanted = new Set<string>();
  readonly #watched = new WeakSet<T>();

  constructor(find: (id: string) => T | undefined) {
    this.#find = find;
  }

  want(id: string, isHeld: boolean): void {
    if (isHeld) this.#wanted.add(id);
    else this.#wanted.delete(id);
    const container = this.#find(id);
    if (container) this.apply(container);
  }

  /** Of a container that has its first process: held, if that is wanted of it; else it goes on where it was held. */
  apply(container: T): void {
    const { note, conmon, process } = container;
    if (!this.#wanted.has(note.id)) return letGo(note.bundle, conmon);
    if (!process?.running) return;
    if (!isMarked(note.bundle)) return; // no later daemon would let it go
    conmon.signal(SIGSTOP);
    if (this.#watched.has(container)) return;
    this.#watched.add(container);
    void process.ended.then(() => letGo(note.bundle, conmon));
  }

  /** All of them: the daemon ends. */
  close(): void {
    for (const id of this.#wanted) {
      const container = this.#find(id);
      if (container) letGo(container.note.bundle, container.conmon);
    }
    this.#wanted.clear();
  }
}

/** False where the disk has no room for the mark: the container is not held, and more of its output waits. */
function isMarked(bundle: string): boolean {
  try {
    writeFileSync(markOf(bundle), '', { mode: 0o600 });
    return true;
  } catch {
    return existsSync(markOf(bundle));
  }
}

/** A conmon that is held, or that an earlier daemon held, goes on. Any other is left as it is. */
export function letGo(bundle: string, conmon: Pick<WatchedProcess, 'signal'>): void {
  const mark = markOf(bundle);
  if (!existsSync(mark)) return;
  conmon.signal(SIGCONT);
  rmSync(mark, { force: true });
}
