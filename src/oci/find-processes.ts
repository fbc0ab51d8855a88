/**
 * Finding a container's processes again after the daemon's end: by what the files of its run say, and where one of them
 * is damaged or gone by what the processes themselves show. A container that runs must not count as one that has ended
 * because a file cannot be read.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../base/errors.ts';
import { cgroupsOfProcess } from '../kernel/cgroup.ts';
import {
  hasOurNamespace,
  hasOurRoot,
  processIds,
  processStartTime,
  processState,
  processStatus,
  unlessEnded,
} from '../kernel/process.ts';
import { childrenOf } from '../kernel/process-tree.ts';

export interface FoundProcesses {
  readonly pid: number;
  readonly conmonPid: number;
}

/**
 * The container's first process and its conmon, if both live. `monitors`: see findMonitors; needed only where the files
 * do not identify it.
 * @throws where it cannot be determined now
 */
export function findProcesses(
  note: { readonly id: string; readonly bundle: string },
  monitors: () => ReadonlyMap<string, number>,
): FoundProcesses | undefined {
  const pid = readPid(join(note.bundle, 'pidfile'));
  const status = pid === undefined ? undefined : processStatus(pid);
  if (pid !== undefined && status && isMonitorOf(status.parent, note.id))
    return status.state === 'Z' ? undefined : { pid, conmonPid: status.parent };
  const conmonPid = monitors().get(note.id);
  const first = conmonPid === undefined ? undefined : oldestChild(conmonPid);
  return first === undefined ? undefined : { pid: first, conmonPid: conmonPid! };
}

/** By container, the conmons that run on this host: the container is named in its arguments. Looks at every process. */
export function findMonitors(): Map<string, number> {
  const found = new Map<string, number>();
  for (const pid of processIds()) {
    const id = monitoredBy(pid);
    if (id !== undefined && isOfTheHost(pid)) found.set(id, pid);
  }
  return found;
}

/** The same for all that are recovered when a daemon starts: looked up once, and only when needed. */
export function monitorsAtStart(): () => ReadonlyMap<string, number> {
  let found: ReadonlyMap<string, number> | undefined;
  return () => (found ??= findMonitors());
}

/**
 * What was passed to a container's conmon about it (conmon-arguments.ts); undefined where it has ended, or has no
 * process.
 */
export function toldByMonitor(id: string, conmonPid: number) {
  const args = argumentsOf(conmonPid);
  const pid = oldestChild(conmonPid);
  const bundle = args[args.indexOf('-b') + 1];
  if (pid === undefined || bundle === undefined || !args.includes('-b')) return undefined;
  // It may have moved into a group below its own.
  const groups = [...cgroupsOfProcess(pid).values()].flatMap(
    (path) => new RegExp(`^.*/${id}(?=/|$)`).exec(path)?.[0] ?? [],
  );
  if (groups[0] === undefined) return undefined;
  const [tty, openStdin] = [args.includes('-t'), args.includes('-i')];
  return {
    id,
    bundle,
    runtime: '',
    tty,
    openStdin,
    stdinOnce: openStdin && !args.includes('--leave-stdin-open'),
    cgroupsPath: groups[0],
  };
}

/** A conmon for the container, or for an exec in it. @throws where it cannot be determined now */
export function isConmonOf(pid: number | string, id: string): boolean {
  return argumentsOf(pid).includes(id);
}

/** The number in a file; undefined where there is none. @throws where it cannot be read just now */
export function readPid(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'latin1'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

const isMonitorOf = (pid: number, id: string): boolean => monitoredBy(pid) === id;

/** An exec's has the container's id and its own. */
function monitoredBy(pid: number): string | undefined {
  const args = argumentsOf(pid);
  const [container, unit] = ['-c', '-u'].map((flag) => args[args.indexOf(flag) + 1]);
  return args.includes('-c') && container === unit ? container : undefined;
}

/**
 * Any process can call itself conmon, in a container or in a user namespace that its user has made. Its root is looked at
 * last: it may be in a file system that answers nobody, or not us.
 */
function isOfTheHost(pid: number): boolean {
  const isOurs = () => hasOurNamespace(pid, 'pid') && hasOurNamespace(pid, 'user') && hasOurRoot(pid);
  return unlessEnded(isOurs) ?? false;
}

/**
 * conmon has only one child in another root that is not an orphan which came to it: the first. A runtime that still
 * makes the container has the daemon's root.
 */
function oldestChild(conmonPid: number): number | undefined {
  const age = (pid: number): number => processStartTime(pid) ?? Infinity;
  return childrenOf(conmonPid)
    .filter((pid) => processState(pid) !== 'Z' && unlessEnded(() => hasOurRoot(pid)) === false)
    .sort((a, b) => age(a) - age(b))[0];
}

/** None where it has ended. */
function argumentsOf(pid: number | string): string[] {
  return unlessEnded(() => readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')) ?? [];
}
