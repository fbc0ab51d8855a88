/** What Node has no call for: becoming another program, namespaces for what comes after, and the identity of a pid. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { errorCode } from '../base/errors.ts';
import { setInherited } from './descriptors.ts';
import { errnoNumber, check, KernelError } from './errors.ts';
import { errnoOfLastCall, execve as execveCall, signal, unshare } from './ffi.ts';

const SIGPIPE = 13;
const SIGXFSZ = 25;
const SIG_DFL = 0;

/**
 * Replaces this process by another program: same pid, same standard streams, nothing else of this process (everything
 * this room and Node open is close-on-exec; what setInherited says, and what this process was itself handed, goes
 * along). Returns only by throwing. Signals that Node ignores are reset to their default.
 */
export function execve(path: string, argv: readonly string[], env: Readonly<Record<string, string>>): never {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  for (const stream of [0, 1, 2]) setInherited(stream, true); // Node marks even these close-on-exec when it starts
  const before = [SIGPIPE, SIGXFSZ].map((number) => [number, signal(number, SIG_DFL)] as const);
  execveCall(path, [...argv, null], [...variables, null]);
  const error = new KernelError(`execute ${path}`, errnoOfLastCall());
  for (const [number, handler] of before) signal(number, handler);
  throw error;
}

const CLONE_NEWNS = 0x20000;

/**
 * Gives this thread a mount namespace of its own. Node's other threads stay behind: only for a process that goes on
 * with `execve` at once, so that the program it becomes is in the new namespace as a whole.
 */
export function unshareMountNamespace(): void {
  check(unshare(CLONE_NEWNS), 'create mount namespace');
}

/** Sends a signal; false if there is no such process any more. */
export function kill(pid: number, signalNumber: number): boolean {
  try {
    process.kill(pid, signalNumber);
    return true;
  } catch (error) {
    const { code, errno } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return false;
    throw new KernelError(`signal process ${pid}`, Math.abs(errno ?? errnoNumber('EPERM')));
  }
}

/**
 * When a process started, in clock ticks since boot: with the pid it names a process for good. Undefined = there is
 * none.
 */
export function processStartTime(pid: number): number | undefined {
  const fields = statFields(pid);
  return fields && Number(fields[19]);
}

/** The state letter of /proc/PID/stat ('R', 'S', 'Z'...); undefined = there is no such process. */
export function processState(pid: number): string | undefined {
  return statFields(pid)?.[0];
}

/** Its parent, or the process that took it over; undefined = there is no such process. */
export function processParent(pid: number): number | undefined {
  return processStatus(pid)?.parent;
}

/** Its state letter, and its parent or the process that took it over; undefined = there is no such process. */
export function processStatus(pid: number): { readonly state: string; readonly parent: number } | undefined {
  const fields = statFields(pid);
  return fields && { state: fields[0]!, parent: Number(fields[1]) };
}

/**
 * Where a process's program and its stack begin in its memory: the kernel lays both out anew when it executes a program,
 * and tells them without a look at any file. Undefined for one that has ended.
 */
export function memoryLayout(pid: number): string | undefined {
  const fields = statFields(pid);
  // Whoever may not trace it is shown no stack.
  return fields === undefined || fields[0] === 'Z' || fields[25] === '0' ? undefined : `${fields[23]} ${fields[25]}`;
}

/**
 * How a process ended that its parent has not waited for yet, as in a shell: 128 + the signal. Undefined for any other.
 */
export function zombieExitCode(pid: number, parent: number): number | undefined {
  const fields = statFields(pid);
  if (fields?.[0] !== 'Z' || Number(fields[1]) !== parent) return undefined;
  const status = Number(fields[49]);
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
}

// The fields after the program's name, which is in parentheses and may contain spaces and parentheses itself.
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** The short name of the program; undefined = there is no such process. */
export function processName(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd();
  } catch {
    return undefined;
  }
}

/** Processes of that short name whose standard output is the file, which may have been deleted meanwhile. */
export function processesWritingTo(file: string, name: string): number[] {
  return processIds().filter((pid) => {
    try {
      return processName(pid) === name && readlinkSync(`/proc/${pid}/fd/1`).replace(/ \(deleted\)$/, '') === file;
    } catch {
      return false; // it ended during the look
    }
  });
}

/** All process ids that /proc shows. */
export function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/**
 * Whether it has this process's root directory. Anybody may have one in a user namespace that does not answer, or not us:
 * ask for the namespaces first. @throws what the look at it fails with: ENOENT and ESRCH where it has ended
 */
export function hasOurRoot(pid: number | string): boolean {
  const [its, ours] = [statSync(`/proc/${pid}/root/`), statSync('/')];
  return its.dev === ours.dev && its.ino === ours.ino;
}

/** Whether it is in this process's namespace of that kind. @throws as hasOurRoot does */
export function hasOurNamespace(pid: number | string, kind: 'pid' | 'user'): boolean {
  return readlinkSync(`/proc/${pid}/ns/${kind}`) === readlinkSync(`/proc/self/ns/${kind}`);
}

/** What a look at a process gives; undefined where it has ended. @throws what else the look fails with */
export function unlessEnded<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}
