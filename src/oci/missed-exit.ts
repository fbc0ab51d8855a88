/** What became of a container that nobody watched, and the end of monitors that are of no use any more: stopped, stuck, or left by a daemon that died. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { errorCode } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { within } from '../base/within.ts';
import { oomKills } from '../kernel/cgroup.ts';
import { processIds } from '../kernel/process.ts';
import { killTree } from '../kernel/process-tree.ts';
import { conmonPidFile } from './conmon-arguments.ts';
import { isConmonOf, WatchedProcess, type ContainerNote } from './container-process.ts';
import type { ExitDirectory, ExitNotice } from './exit-directory.ts';
import type { Patience } from './patience.ts';
import { endSilentConmon } from './silent-conmon.ts';
import { SIGKILL } from './signals.ts';

/** How it ended, as conmon wrote it or as the kernel knows it; undefined where nobody does. conmon is gone then. */
export async function missedExit(note: ContainerNote, exits: ExitDirectory, options: { appearsWithinMs: number; patience: Patience; log: Log }): Promise<ExitNotice | undefined> {
  const { appearsWithinMs, patience, log } = options;
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
  const code = await endSilentConmon({ container: note.id, process: new WatchedProcess(pid), conmon, said: conmon.ended }, patience.conmonMs, log);
  await within(conmon.ended, patience.killMs);
  return exits.read(note.id) ?? (code === undefined ? undefined : { code, at: new Date().toISOString() });
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

/** Of a container that is gone: its conmon, if it still is there, ends by itself or is killed (it may be stopped, with its last word said). */
export function endMonitor(note: ContainerNote, patience: Patience): Promise<void> | undefined {
  const conmon = findConmon(note);
  return conmon && endConmon(conmon, patience).finally(() => conmon.release());
}

/** Monitors of execs whose container is gone; usually there are none. */
export function endExecs(note: ContainerNote): void {
  const directory = join(note.bundle, 'exec');
  for (const execId of entries(directory)) {
    const pid = readPid(join(directory, execId, 'conmon.pid'));
    const conmon = pid === undefined ? undefined : held(pid, note.id);
    if (conmon) killTree(conmon.pid); // a runtime that hangs in it too, and what that has started
    conmon?.release();
  }
}

function findConmon(note: ContainerNote): WatchedProcess | undefined {
  const pid = readPid(conmonPidFile(note.bundle));
  if (pid !== undefined) return held(pid, note.id);
  // Stopped before it could say its number.
  for (const candidate of processIds()) if (isConmonOf(candidate, note.id) && programOf(candidate) === 'conmon') return held(candidate, note.id);
  return undefined;
}

function held(pid: number, id: string): WatchedProcess | undefined {
  const conmon = new WatchedProcess(pid);
  if (conmon.alive && isConmonOf(pid, id)) return conmon;
  conmon.release();
  return undefined;
}

function programOf(pid: number): string {
  try {
    return basename(readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')[0] ?? '');
  } catch {
    return '';
  }
}

function readPid(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'latin1'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
