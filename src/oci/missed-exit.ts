/**
 * The exit of a container that was not watched, and the end of monitors that are no longer needed: stopped, stuck, or
 * left by a daemon that died.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { within } from '../base/within.ts';
import { oomKills } from '../kernel/cgroup.ts';
import { processState } from '../kernel/process.ts';
import { killTree } from '../kernel/process-tree.ts';
import { conmonPidFile } from './conmon-arguments.ts';
import type { ContainerNote } from './container-note.ts';
import { heldConmon, WatchedProcess } from './container-process.ts';
import type { ExitDirectory, ExitNotice } from './exit-directory.ts';
import { findMonitors, readPid } from './find-processes.ts';
import { letGo } from './output-holds.ts';
import type { Patience } from './patience.ts';
import { endSilentConmon } from './silent-conmon.ts';
import { SIGKILL } from './signals.ts';

/** How it ended, as conmon wrote it or as the kernel knows it; undefined where neither does. conmon is gone then. */
export async function missedExit(
  note: ContainerNote,
  exits: ExitDirectory,
  options: { appearsWithinMs: number; patience: Patience; log: Log },
): Promise<ExitNotice | undefined> {
  const { appearsWithinMs, patience, log } = options;
  letHeldGo(note);
  for (let waitedMs = 0; ; waitedMs += 10) {
    const notice = exits.read(note.id);
    if (notice) return notice;
    if (waitedMs >= appearsWithinMs) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const conmon = findConmon(note);
  if (conmon === undefined) return undefined;
  const pid = readPid(join(note.bundle, 'pidfile'));
  if (pid === undefined) {
    killTree(conmon.pid); // it still was making the container, and hangs in that
    await within(conmon.ended, patience.killMs);
    return undefined;
  }
  const code = await endSilentConmon(
    { container: note.id, process: new WatchedProcess(pid), conmon, said: conmon.ended },
    patience.conmonMs,
    log,
  );
  await within(conmon.ended, patience.killMs);
  return exits.read(note.id) ?? (code === undefined ? undefined : { code, at: new Date().toISOString() });
}

/** A daemon that was killed held its output back: conmon has not been able to report since. */
function letHeldGo({ id, bundle }: ContainerNote): void {
  const pid = readPid(conmonPidFile(bundle));
  const conmon = pid === undefined ? undefined : heldConmon(pid, id);
  if (conmon) letGo(bundle, conmon);
  conmon?.release();
}

/** By the kernel, for want of memory. */
export function wasOomKilled(note: ContainerNote, code: number): boolean {
  return existsSync(join(note.bundle, 'oom')) || (code === 128 + SIGKILL && oomKills(note.cgroupsPath) > 0);
}

/** Its work is done. */
export async function endConmon(conmon: WatchedProcess, patience: Patience): Promise<void> {
  if (await within(conmon.ended, patience.conmonMs)) return;
  conmon.signal(SIGKILL);
  await within(conmon.ended, patience.killMs);
}

/** Of a container that could not be made: its conmon, if there is one, with what that has started. */
export async function killMonitor(note: ContainerNote, patience: Patience): Promise<void> {
  const conmon = findConmon(note);
  if (conmon === undefined) return;
  killTree(conmon.pid);
  await within(conmon.ended, patience.killMs);
  conmon.release();
}

/**
 * Of a container that is gone: its conmon, if it still is there, ends by itself or is killed (it may be stopped, after
 * its last report).
 */
export function endMonitor(note: ContainerNote, patience: Patience): Promise<void> | undefined {
  const conmon = findConmon(note);
  return conmon && endConmon(conmon, patience).finally(() => conmon.release());
}

/** Monitors of execs whose container is gone; usually there are none. */
export function endExecs(note: ContainerNote): void {
  const directory = join(note.bundle, 'exec');
  for (const execId of entries(directory)) {
    const pid = readPid(join(directory, execId, 'conmon.pid'));
    const conmon = pid === undefined ? undefined : heldConmon(pid, note.id);
    if (conmon) killTree(conmon.pid); // a runtime that hangs in it too, and what that has started
    conmon?.release();
  }
}

function findConmon(note: ContainerNote): WatchedProcess | undefined {
  const noted = readPid(conmonPidFile(note.bundle));
  const conmon = noted === undefined ? undefined : heldConmon(noted, note.id);
  // A pid that is free, or a zombie that init has not collected yet, is that of a conmon that has ended.
  if (conmon || (noted !== undefined && hasEnded(noted))) return conmon;
  // Stopped before it could write its pid, or the file has another pid.
  const pid = findMonitors().get(note.id);
  return pid === undefined ? undefined : heldConmon(pid, note.id);
}

const hasEnded = (pid: number): boolean => ['Z', 'X', undefined].includes(processState(pid));

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
