/**
 * Starts programs without fork. Node's own spawn forks, and a fork copies the page tables of the whole process: 7 ms of
 * a stopped event loop in a daemon of 200 MB, where posix_spawn (clone with CLONE_VM | CLONE_VFORK) takes 0.5 ms
 * whatever the size.
 *
 * The caller owns what Node would do for it: pipes are descriptors, and a child is reaped with `reapChild`. libuv asks
 * only for the children that it started, so the two never take each other's.
 */
import { CausewayError } from '../base/errors.ts';
import { closeFd } from './descriptors.ts';
import { check, errnoName, KernelError } from './errors.ts';
import {
  errnoOfLastCall,
  fcntl,
  memfdCreate,
  pipe2,
  posixSpawn,
  shutdown,
  spawnActionsAddChdir as addChdir,
  spawnActionsAddDup2 as addDup2,
  spawnActionsDestroy as destroyActions,
  spawnActionsInit as initActions,
  spawnAttributesInit as initAttributes,
  spawnAttributesSetFlags as setFlags,
  spawnAttributesSetSignalDefault as setSignalDefault,
  spawnAttributesSetSignalMask as setSignalMask,
  syscallFourInts,
  waitpid,
} from './ffi.ts';

// glibc: posix_spawnattr_t is 336 bytes, posix_spawn_file_actions_t 80, sigset_t 128; musl's are smaller.
const attributes = Buffer.alloc(512);
const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;
initAttributes(attributes);
// Node ignores SIGPIPE and a child would inherit that: every signal starts at its default, and none is blocked.
setSignalDefault(attributes, Buffer.alloc(128, 0xff));
setSignalMask(attributes, Buffer.alloc(128));
setFlags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);

export interface SpawnRequest {
  /** An absolute path: PATH is not searched. */
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The child's descriptors 0, 1, 2, ... by position; it gets no others. */
  readonly fds: readonly number[];
}

const SYS_close_range = 436;
const CLOSE_RANGE_CLOEXEC = 4;

/**
 * Makes every descriptor close-on-exec: libraries (LMDB, libnftables) open theirs without it, and a container's
 * monitor would hold the engine's store and sockets for as long as it runs. A kernel before 5.11 refuses the flag: then
 * only those of libraries are inherited, as they would be without this.
 */
const keepDescriptors = (): number => syscallFourInts(SYS_close_range, 3, -1, CLOSE_RANGE_CLOEXEC, 0);

/**
 * Starts the program and answers with its pid. A file that is absent or cannot be executed: KernelError with that code.
 */
export function spawnProgram(request: SpawnRequest): number {
  const { file, args, env, cwd, fds } = request;
  for (const text of [file, ...args]) {
    if (text.includes('\0')) throw new CausewayError('invalid', `an argument of ${file} contains a NUL byte`);
  }
  const actions = Buffer.alloc(128);
  const copies: number[] = [];
  initActions(actions);
  keepDescriptors();
  try {
    fds.forEach((fd, position) => {
      let source = fd;
      if (fd < fds.length && fd !== position) {
        // It sits where another is going to be put: give it a number beyond them all.
        source = check(fcntl(fd, F_DUPFD_CLOEXEC, 64), `duplicate descriptor ${fd}`);
        copies.push(source);
      }
      addDup2(actions, source, position);
    });
    if (cwd !== undefined) addChdir(actions, cwd);
    const pid: [number | null] = [null];
    const environment = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const errno = posixSpawn(pid, file, actions, attributes, [file, ...args, null], [...environment, null]);
    if (errno !== 0) throw new KernelError(`start ${file}`, errno);
    return pid[0] as number;
  } finally {
    destroyActions(actions);
    for (const copy of copies) closeFd(copy);
  }
}

export interface ChildStatus {
  /** The exit code; 128 + the signal where one ended it. */
  readonly code: number;
  readonly signal: number;
}

const WNOHANG = 1;
const statusBlock = Buffer.alloc(128);

/**
 * Takes the child's status if it has ended; undefined while it runs. 'gone' when it is no child of this process (any
 * more).
 */
export function reapChild(pid: number): ChildStatus | undefined | 'gone' {
  const result = waitpid(pid, statusBlock, WNOHANG);
  if (result === 0) return undefined;
  if (result < 0) {
    const errno = errnoOfLastCall();
    if (errnoName(errno) === 'ECHILD') return 'gone';
    throw new KernelError(`wait for process ${pid}`, errno);
  }
  const status = statusBlock.readInt32LE(0);
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff, signal: 0 } : { code: 128 + signal, signal };
}

/** The exit code of a child whose outputs are closed: it has ended or is about to. */
export async function childEnd(pid: number): Promise<number> {
  for (let delayMs = 0; ; delayMs = Math.min(20, delayMs + 1)) {
    const status = reapChild(pid);
    if (status === 'gone') return 0;
    if (status !== undefined) return status.code;
    await new Promise((resolve) => (delayMs === 0 ? setImmediate(resolve) : setTimeout(resolve, delayMs)));
  }
}

const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;

/**
 * Both ends close-on-exec (spawnProgram's `fds` are inherited all the same); the reading end non-blocking if asked for.
 */
export function openPipe(options: { nonBlockingRead?: boolean } = {}): { readFd: number; writeFd: number } {
  const fds = Buffer.alloc(128);
  check(pipe2(fds, O_CLOEXEC), 'make a pipe');
  const pair = { readFd: fds.readInt32LE(0), writeFd: fds.readInt32LE(4) };
  if (options.nonBlockingRead) setNonBlocking(pair.readFd);
  return pair;
}

const F_DUPFD_CLOEXEC = 1030;
const F_GETFL = 3;
const F_SETFL = 4;
const F_ADD_SEALS = 1033;

function setNonBlocking(fd: number): void {
  const flags = check(fcntl(fd, F_GETFL, 0), `read flags of descriptor ${fd}`);
  check(fcntl(fd, F_SETFL, flags | O_NONBLOCK), `set descriptor ${fd} non-blocking`);
}

/**
 * 'read': the peer's writes fail from now on. 'write': the peer reads to its end. A peer that is gone already is fine.
 */
export function shutdownSocket(fd: number, side: 'read' | 'write'): void {
  if (shutdown(fd, side === 'read' ? 0 : 1) === 0) return;
  const errno = errnoOfLastCall();
  if (errnoName(errno) !== 'ENOTCONN') throw new KernelError(`shut socket ${fd} for ${side}`, errno);
}

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_EXEC = 0x10; // since Linux 6.3; older kernels answer EINVAL

/** An empty memory file that may be executed. */
export function openMemoryFile(name: string): number {
  const fd = memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  return fd >= 0 ? fd : check(memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), 'make a memory file');
}

/** The memory file cannot be changed from now on, not even through /proc/PID/exe. */
export function sealMemoryFile(fd: number): void {
  const F_SEAL_SEAL = 1,
    F_SEAL_SHRINK = 2,
    F_SEAL_GROW = 4,
    F_SEAL_WRITE = 8;
  check(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 'seal a memory file');
}

const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;

/**
 * A descriptor that refers to the process, whatever becomes of its number; readable when it has ended. ESRCH when it is
 * gone.
 */
export function openPidfd(pid: number): number {
  return check(syscallFourInts(SYS_pidfd_open, pid, 0, 0, 0), `open process ${pid}`);
}

/** Sends a signal; false when the process has ended. */
export function signalPidfd(pidfd: number, signal: number): boolean {
  if (syscallFourInts(SYS_pidfd_send_signal, pidfd, signal, 0, 0) === 0) return true;
  const errno = errnoOfLastCall();
  if (errnoName(errno) === 'ESRCH') return false;
  throw new KernelError(`send signal ${signal}`, errno);
}
