/**
 * The containers whose processes this daemon watches: from the moment their conmon is there until everything of them is
 * removed. Each tells once that it has ended, by conmon's notice, or by the end of conmon where that was killed and
 * could give none.
 */
import { errorMessage, notFound } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ContainerNote } from './container-note.ts';
import { WatchedProcess } from './container-process.ts';
import { ExitDirectory } from './exit-directory.ts';
import { wasOomKilled } from './missed-exit.ts';
import { watchOom } from './oom-watch.ts';
import type { Operations } from './operation.ts';
import { OutputHolds } from './output-holds.ts';
import type { Patience } from './patience.ts';
import type { RuntimeProgram } from './runtime-program.ts';
import { SIGKILL } from './signals.ts';
import { endSilentConmon } from './silent-conmon.ts';
import type { StdioConnection } from './stdio-connection.ts';
import { neverWaitForTerminal } from './terminal-input.ts';

export interface ContainerExit {
  readonly code: number;
  readonly oomKilled: boolean;
  readonly at: string; // RFC 3339
}

/** What becomes of a run. */
export interface RunListener {
  exit?(id: string, exit: ContainerExit): void;
  /** The kernel had no memory for a container, which may run on: once a run, and again with every daemon. */
  oom?(id: string): void;
}

export interface Live {
  readonly note: ContainerNote;
  readonly program: RuntimeProgram;
  readonly conmon: WatchedProcess;
  process: WatchedProcess | undefined; // the container's first
  joined: Promise<void>; // it is in its group
  exit: ContainerExit | undefined;
  lostExitCode: number | undefined; // when conmon was killed because it did not report
  readonly execs: Set<Promise<unknown>>; // that have not ended
  readonly stdio: Set<StdioConnection>; // one open, and deaf ones
  readonly exited: Promise<void>;
  readonly markExited: () => void;
  readonly stopWatchingOom: () => void;
}

/** As `recover` reports it. */
export const ended = (exit: ContainerExit) =>
  ({ running: false, exitCode: exit.code, oomKilled: exit.oomKilled, at: exit.at }) as const;

/** Reported when conmon itself was killed and took the exit code with it. */
export const UNKNOWN_EXIT_CODE = 255;

export class LiveContainers {
  readonly exits: ExitDirectory;
  readonly holds = new OutputHolds<Live>((id) => this.#live.get(id));
  readonly #operations: Operations;
  readonly #patience: Patience;
  readonly #log: Log;
  readonly #live = new Map<string, Live>();
  readonly #listeners: RunListener[] = [];

  constructor(deps: { exitsDirectory: string; operations: Operations; patience: Patience; log: Log }) {
    this.#operations = deps.operations;
    this.#patience = deps.patience;
    this.#log = deps.log;
    this.exits = new ExitDirectory(deps.exitsDirectory, (id) => this.#noticeExit(id));
  }

  has(id: string): boolean {
    return this.#live.has(id);
  }

  find(id: string): Live | undefined {
    return this.#live.get(id);
  }

  runs(id: string): boolean {
    const live = this.#live.get(id);
    return live?.exit === undefined && live?.process?.alive === true;
  }

  /** @throws notFound */
  get(id: string): Live {
    const live = this.#live.get(id);
    if (live === undefined) throw notFound(`no such container in the runtime: ${id}`);
    return live;
  }

  listen(listener: RunListener): void {
    this.#listeners.push(listener);
  }

  /** Watches the conmon of a container from here on. */
  track(note: ContainerNote, program: RuntimeProgram, conmon: WatchedProcess): Live {
    let markExited!: () => void;
    const exited = new Promise<void>((resolve) => (markExited = resolve));
    const live: Live = {
      note,
      program,
      conmon,
      process: undefined,
      joined: Promise.resolve(),
      exit: undefined,
      lostExitCode: undefined,
      execs: new Set(),
      stdio: new Set(),
      exited,
      markExited,
      stopWatchingOom: watchOom(note.bundle, () => this.#tell((listener) => listener.oom?.(note.id))),
    };
    this.#live.set(note.id, live);
    conmon.ended
      .then(() => this.#conmonEnded(live))
      .catch((error: unknown) => this.#log.error({ id: note.id, error: errorMessage(error) }, 'the end of conmon'));
    return live;
  }

  /** Its first process. */
  setProcess(live: Live, pid: number): void {
    if (live.note.tty) neverWaitForTerminal(live.conmon.pid);
    const process = (live.process = new WatchedProcess(pid));
    const settled = process.ended.then(async () => {
      for (const connection of live.stdio) connection.takeRest();
      const ended = {
        container: live.note.id,
        process,
        conmon: live.conmon,
        said: Promise.race([live.exited, live.conmon.ended]),
      };
      live.lostExitCode = await endSilentConmon(ended, this.#patience.conmonMs, this.#log);
    });
    settled.catch((error: unknown) =>
      this.#log.error({ id: live.note.id, error: errorMessage(error) }, 'the end of a process'),
    );
    this.holds.apply(live);
  }

  /** Watches it no more; its processes go on. Absent is fine. */
  release(id: string): void {
    const live = this.#live.get(id);
    this.#live.delete(id);
    live?.stopWatchingOom();
    live?.conmon.release();
    live?.process?.release();
    live?.markExited(); // nobody waits for what is not watched
  }

  close(): void {
    this.exits.close();
    this.holds.close();
    for (const [id, live] of this.#live) {
      this.release(id);
      for (const connection of live.stdio) connection.close();
    }
  }

  // The usual end: the exit file is there. Otherwise conmon was killed, and with it the container's stdio: it cannot go
  // on.
  #conmonEnded(live: Live): void {
    const { id } = live.note;
    if (this.#live.get(id) !== live || live.exit !== undefined || live.process === undefined) return;
    if (this.exits.readOrLater(id) !== undefined) return this.#noticeExit(id);
    this.#log.error({ id, conmon: live.conmon.pid }, 'conmon was killed; the container is ended');
    live.process.signal(SIGKILL);
    void live.process.ended.then(() =>
      this.#finish(live, {
        code: live.lostExitCode ?? UNKNOWN_EXIT_CODE,
        oomKilled: false,
        at: new Date().toISOString(),
      }),
    );
  }

  #noticeExit(id: string): void {
    const live = this.#live.get(id);
    if (live === undefined || live.exit !== undefined) return;
    const notice = this.exits.readOrLater(id);
    if (notice === undefined || notice === 'later') return;
    this.#finish(live, { ...notice, oomKilled: wasOomKilled(live.note, notice.code) });
  }

  #finish(live: Live, exit: ContainerExit): void {
    if (live.exit !== undefined) return;
    live.exit = exit;
    live.stopWatchingOom();
    this.#operations.endSoon(live.note.id);
    // conmon has closed its ends: what is not read yet is still in the daemon's. Only the deaf connections would never
    // notice.
    for (const connection of live.stdio) if (!connection.open) connection.close();
    this.#tell((listener) => listener.exit?.(live.note.id, exit));
    live.markExited(); // after it is told: who waits for this may rely on that
  }

  #tell(what: (listener: RunListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        what(listener);
      } catch (error) {
        this.#log.error({ error }, 'a listener for what becomes of containers failed');
      }
    }
  }
}
