/** What a restarted daemon needs to find a container: one file for each, on a file system that a reboot empties. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { toldByMonitor } from './find-processes.ts';

/**
 * Written before conmon starts; pid and conmon are found again through the bundle's pidfile and /proc
 * (find-processes.ts).
 */
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
  for (const name of existsSync(directory) ? readdirSync(directory) : [])
    if (name.endsWith('.new')) rmSync(join(directory, name), { force: true });
}

/** The ids of containers of which there are notes. */
export function notedIds(directory: string): string[] {
  return existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => name.endsWith('.json'))
        .map((name) => name.slice(0, -5))
    : [];
}

/** Undefined: there is none, or its content is not a note; that is moved to another name, out of the way. */
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

interface Traces {
  readonly programs: Iterable<{ readonly name: string; stateDirectory(id: string): string }>;
  readonly monitors: () => ReadonlyMap<string, number>;
  readonly log: Log;
}

/**
 * Of a run whose note was damaged or is gone: what its container's record says of it, or where that cannot be read its
 * conmon. Undefined where nothing of the run is there.
 */
export function noteAnew(
  file: string,
  id: string,
  recorded: ContainerNote | undefined,
  { programs, monitors, log }: Traces,
): ContainerNote | undefined {
  const monitor = recorded && existsSync(recorded.bundle) ? undefined : monitors().get(id);
  const told = recorded ?? (monitor === undefined ? undefined : toldByMonitor(id, monitor));
  if (!told || (monitor === undefined && !existsSync(told.bundle))) return undefined;
  // The default may be another one than it was when the container was started.
  const runtime = [...programs].find((program) => existsSync(program.stateDirectory(id)))?.name ?? told.runtime;
  const note = { ...told, runtime };
  log.warn(
    { container: id, file },
    'the note by which a run of a container is found again was damaged or gone, and is written anew',
  );
  writeNote(file, note);
  return note;
}

export function removeNote(file: string): void {
  for (const path of [file, `${file}.damaged`]) rmSync(path, { force: true });
}
