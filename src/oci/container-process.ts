/** A created container as Runtime holds it while it lives: its processes by pidfd, and what a restarted daemon needs to find it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode } from '../base/errors.ts';
import { closeFd } from '../kernel/descriptors.ts';
import { isKernelError } from '../kernel/errors.ts';
import { FdWatch } from '../kernel/fd-watch.ts';
import { openPidfd, reapChild, signalPidfd } from '../kernel/spawn.ts';

/** Written before conmon starts; pid and conmon are found again through the bundle's pidfile and /proc. */
export interface ContainerNote {
  readonly id: string;
  readonly bundle: string;
  readonly runtime: string;
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly stdinOnce: boolean;
  readonly cgroupsPath: string;
}

export function writeNote(file: string, note: ContainerNote): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(`${file}.new`, JSON.stringify(note), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  } catch (error) {
    rmSync(`${file}.new`, { force: true });
    throw error;
  }
}

/** Notes that a daemon was killed over. */
export function clearUnfinishedNotes(directory: string): void {
  for (const name of existsSync(directory) ? readdirSync(directory) : []) if (name.endsWith('.new')) rmSync(join(directory, name), { force: true });
}

/** The ids of containers of which there are notes. */
export function notedIds(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5)) : [];
}

/** Undefined: there is none, or what stands there is no note; that is put aside under another name, so that it is in nobody's way. */
export function readNote(file: string): ContainerNote | undefined {
  try {
    const note: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (isNote(note)) return note;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    if (!(error instanceof SyntaxError)) throw error;
  }
  renameSync(file, `${file}.damaged`);
  return undefined;
}

function isNote(value: unknown): value is ContainerNote {
  const note = value as Partial<ContainerNote> | null;
  if (typeof note !== 'object' || note === null) return false;
  const texts = [note.id, note.bundle, note.runtime, note.cgroupsPath];
  const flags = [note.tty, note.openStdin, note.stdinOnce];
  return texts.every((text) => typeof text === 'string') && flags.every((flag) => typeof flag === 'boolean');
}

export function removeNote(file: string): void {
  rmSync(file, { force: true });
}

/** The container's first process, if it lives and its parent is the conmon that was started for it (numbers are used again). */
export function findProcesses(note: ContainerNote): { pid: number; conmonPid: number } | undefined {
  try {
    const pid = Number(readFileSync(join(note.bundle, 'pidfile'), 'latin1'));
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || parent === undefined || !isConmonOf(parent, note.id)) return undefined;
    return { pid, conmonPid: Number(parent) };
  } catch {
    return undefined;
  }
}

/**
 * The conmon that goes on after the one that we started has forked and ended; undefined when there is none (it says why on its
 * sync pipe). It forks so that what its start-up read in is not resident in each of them: 2 MB instead of 4.
 */
export async function forkedConmon(startedPid: number, pidFile: string, id: string): Promise<WatchedProcess | undefined> {
  await new WatchedProcess(startedPid).ended;
  let pid: number;
  try {
    pid = Number(readFileSync(pidFile, 'latin1'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const conmon = new WatchedProcess(pid);
  // Held first, then looked at: a number that meanwhile is another's is not taken for it.
  if (conmon.alive && isConmonOf(pid, id)) return conmon;
  conmon.release();
  return undefined;
}

export function isConmonOf(pid: number | string, id: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').includes(id);
  } catch {
    return false;
  }
}

/** A process by pidfd: signals never reach another that got its number, and `ended` tells when it is gone (and reaps a child). */
export class WatchedProcess {
  readonly pid: number;
  readonly ended: Promise<void>;
  #pidfd: number | undefined;
  #watch: FdWatch | undefined;
  #end!: () => void;

  /** A process that is gone already is one that has ended. */
  constructor(pid: number) {
    this.pid = pid;
    this.ended = new Promise((resolve) => (this.#end = resolve));
    try {
      this.#pidfd = openPidfd(pid);
    } catch (error) {
      if (!isKernelError(error, 'ESRCH', 'EINVAL')) throw error;
      this.#finish();
      return;
    }
    this.#watch = new FdWatch(this.#pidfd, { readable: true }, () => this.#finish()).unref();
  }

  #finish(): void {
    reapChild(this.pid); // ours: no zombie stays; another's child: nothing happens
    this.release();
    this.#end();
  }

  /** False when it has ended. */
  signal(number: number): boolean {
    return this.#pidfd !== undefined && signalPidfd(this.#pidfd, number);
  }

  get alive(): boolean {
    return this.#pidfd !== undefined;
  }

  /** Stops watching; the process goes on. */
  release(): void {
    this.#watch?.close();
    this.#watch = undefined;
    if (this.#pidfd !== undefined) closeFd(this.#pidfd);
    this.#pidfd = undefined;
  }
}
