/**
 * The C functions that this room calls: every prototype is here and nowhere else, because a wrong one does not
 * throw, it crashes the process. Synchronous only (0.3 us a call); a call that can block belongs on no thread of this
 * process.
 *
 * Conventions: a `void *` takes a Buffer or null; `int64_t` results are byte counts that fit a number; errno must be
 * read at once after a failure (errors.ts does it). The functions promise nothing about types at run time beyond what
 * koffi checks: integers are cut to their width silently.
 */
import koffi from 'koffi';
import { errorMessage, systemError } from '../base/errors.ts';

type Bytes = Uint8Array | null;

// The C library under its soname: glibc on every supported host; musl answers to the same calls under its own name.
function loadLibc() {
  try {
    return koffi.load('libc.so.6');
  } catch {
    return koffi.load(process.arch === 'arm64' ? 'libc.musl-aarch64.so.1' : 'libc.musl-x86_64.so.1');
  }
}

const libc = loadLibc();

export const errnoOfLastCall: () => number = koffi.errno;
export const strerror: (errno: number) => string = libc.func('str strerror(int)');

// Files and descriptors
export const open: (path: string, flags: number, mode: number) => number = libc.func('int open(str, int, int)');
export const close: (fd: number) => number = libc.func('int close(int)');
export const exitNow: (code: number) => void = libc.func('void _exit(int)');
export const fcntl: (fd: number, command: number, argument: number) => number =
  libc.func('int fcntl(int, int, int64_t)');
export const ioctl: (fd: number, request: number, argument: Bytes) => number = libc.func(
  'int ioctl(int, ulong, void *)',
);
export const fallocate: (fd: number, mode: number, offset: number, length: number) => number = libc.func(
  'int fallocate(int, int, int64_t, int64_t)',
);
export const flock: (fd: number, operation: number) => number = libc.func('int flock(int, int)');
export const read: (fd: number, buffer: Bytes, size: number) => number = libc.func('int64_t read(int, void *, size_t)');
export const write: (fd: number, buffer: Bytes, size: number) => number = libc.func(
  'int64_t write(int, const void *, size_t)',
);
export const fchdir: (fd: number) => number = libc.func('int fchdir(int)');
export const chroot: (path: string) => number = libc.func('int chroot(str)');

// Names and paths as bytes that end in NUL: what a container calls its files need not be UTF-8.
export const mkdirat: (dirFd: number, name: Uint8Array, mode: number) => number = libc.func(
  'int mkdirat(int, const void *, uint32_t)',
);
export const mknodat: (dirFd: number, name: Uint8Array, mode: number, device: number) => number = libc.func(
  'int mknodat(int, const void *, uint32_t, uint64_t)',
);
export const openatBytes: (dirFd: number, name: Uint8Array, flags: number, mode: number) => number = libc.func(
  'int openat(int, const void *, int, int)',
);
export const symlinkat: (target: Uint8Array, dirFd: number, name: Uint8Array) => number = libc.func(
  'int symlinkat(const void *, int, const void *)',
);
export const linkat: (
  oldDirFd: number,
  oldName: Uint8Array,
  newDirFd: number,
  newName: Uint8Array,
  flags: number,
) => number = libc.func('int linkat(int, const void *, int, const void *, int)');
export const readlinkat: (dirFd: number, name: Uint8Array, target: Uint8Array, size: number) => number = libc.func(
  'int64_t readlinkat(int, const void *, void *, size_t)',
);
export const getxattr: (path: string, name: string, value: Bytes, size: number) => number = libc.func(
  'int64_t getxattr(str, str, void *, size_t)',
);
export const listxattr: (path: string, names: Bytes, size: number) => number = libc.func(
  'int64_t listxattr(str, void *, size_t)',
);
export const unlinkat: (dirFd: number, name: Uint8Array, flags: number) => number = libc.func(
  'int unlinkat(int, const void *, int)',
);
export const fchown: (fd: number, uid: number, gid: number) => number = libc.func(
  'int fchown(int, uint32_t, uint32_t)',
);
export const fchmod: (fd: number, mode: number) => number = libc.func('int fchmod(int, uint32_t)');
export const fchownat: (dirFd: number, name: Uint8Array, uid: number, gid: number, flags: number) => number = libc.func(
  'int fchownat(int, const void *, uint32_t, uint32_t, int)',
);
export const utimensat: (dirFd: number, name: Uint8Array, times: Uint8Array, flags: number) => number = libc.func(
  'int utimensat(int, const void *, const void *, int)',
);
export const futimens: (fd: number, times: Uint8Array) => number = libc.func('int futimens(int, const void *)');
export const fsetxattr: (fd: number, name: Uint8Array, value: Uint8Array, size: number, flags: number) => number =
  libc.func('int fsetxattr(int, const void *, const void *, size_t, int)');
export const lsetxattr: (path: Uint8Array, name: Uint8Array, value: Uint8Array, size: number, flags: number) => number =
  libc.func('int lsetxattr(const void *, const void *, const void *, size_t, int)');

export const lgetxattr: (path: string, name: string, value: Bytes, size: number) => number = libc.func(
  'int64_t lgetxattr(str, str, void *, size_t)',
);

// Namespaces and mounts
export const pivotRoot: (number: number, newRoot: string, putOld: string) => number = libc.func(
  'int64_t syscall(int64_t, str, str)',
);
export const setns: (fd: number, type: number) => number = libc.func('int setns(int, int)');
export const unshare: (flags: number) => number = libc.func('int unshare(int)');
export const mount: (
  source: string | null,
  target: string,
  type: string | null,
  flags: number,
  data: string | null,
) => number = libc.func('int mount(str, str, str, unsigned long, str)');
export const umount2: (target: string, flags: number) => number = libc.func('int umount2(str, int)');

// System calls that older C libraries do not wrap. `syscall` is variadic in C; for integers and pointers the variadic
// and the plain calling convention agree on x86-64 and arm64, and each shape gets a prototype of its own.
export const syscallPathFlags: (number: number, dirFd: number, path: string, flags: number) => number = libc.func(
  'int64_t syscall(int64_t, int64_t, str, int64_t)',
);
export const syscallNameFlags: (number: number, name: string, flags: number) => number = libc.func(
  'int64_t syscall(int64_t, str, int64_t)',
);
export const syscallFdConfig: (
  number: number,
  fd: number,
  command: number,
  key: string | null,
  value: string | null,
  auxiliary: number,
) => number = libc.func('int64_t syscall(int64_t, int64_t, int64_t, str, str, int64_t)');
export const syscallThreeInts: (number: number, first: number, second: number, third: number) => number = libc.func(
  'int64_t syscall(int64_t, int64_t, int64_t, int64_t)',
);
export const syscallMoveMount: (
  number: number,
  fromFd: number,
  fromPath: string,
  toFd: number,
  toPath: string,
  flags: number,
) => number = libc.func('int64_t syscall(int64_t, int64_t, str, int64_t, str, int64_t)');
export const syscallPathBuffer: (
  number: number,
  dirFd: number,
  path: string,
  buffer: Uint8Array,
  size: number,
) => number = libc.func('int64_t syscall(int64_t, int64_t, str, void *, int64_t)');
/** The same for a path of any bytes, with its NUL. */
export const syscallBytesBuffer: (
  number: number,
  dirFd: number,
  path: Buffer,
  buffer: Uint8Array,
  size: number,
) => number = libc.func('int64_t syscall(int64_t, int64_t, const uint8_t *, void *, int64_t)');
export const syscallPathFlagsBuffer: (
  number: number,
  dirFd: number,
  path: string,
  flags: number,
  buffer: Uint8Array,
  size: number,
) => number = libc.func('int64_t syscall(int64_t, int64_t, str, int64_t, void *, int64_t)');

export const syscallFourInts: (number: number, first: number, second: number, third: number, fourth: number) => number =
  libc.func('int64_t syscall(int64_t, int64_t, int64_t, int64_t, int64_t)');
export const syscallBpf: (number: number, command: number, attributes: Uint8Array, size: number) => number = libc.func(
  'int64_t syscall(int64_t, int64_t, void *, int64_t)',
);

// Files
export const renameat2: (
  oldDirFd: number,
  oldPath: string,
  newDirFd: number,
  newPath: string,
  flags: number,
) => number = libc.func('int renameat2(int, str, int, str, uint32_t)');

// Sockets
export const socket: (family: number, type: number, protocol: number) => number =
  libc.func('int socket(int, int, int)');
export const bind: (fd: number, address: Uint8Array, size: number) => number = libc.func(
  'int bind(int, const void *, uint32_t)',
);
export const connect: (fd: number, address: Uint8Array, size: number) => number = libc.func(
  'int connect(int, const void *, uint32_t)',
);
export const listen: (fd: number, backlog: number) => number = libc.func('int listen(int, int)');
/** 0: there is none of that name in the namespace that the thread is in. */
export const ifNameToIndex: (name: string) => number = libc.func('uint if_nametoindex(str)');
export const getsockname: (fd: number, address: Uint8Array, size: Uint8Array) => number = libc.func(
  'int getsockname(int, void *, void *)',
);
export const setsockopt: (fd: number, level: number, option: number, value: Uint8Array, size: number) => number =
  libc.func('int setsockopt(int, int, int, const void *, uint32_t)');
export const send: (fd: number, buffer: Uint8Array, size: number, flags: number) => number = libc.func(
  'int64_t send(int, const void *, size_t, int)',
);
/**
 * `send` on a thread of koffi's pool (4 of them): for the few netlink requests whose work takes the kernel
 * milliseconds. The buffer must stay as it is until the callback; errno is lost.
 */
export const sendOnThread: (
  fd: number,
  buffer: Uint8Array,
  size: number,
  flags: number,
  done: (error: unknown, result: number) => void,
) => void = (send as unknown as { async: typeof sendOnThread }).async;
export const sendto: (
  fd: number,
  buffer: Uint8Array,
  size: number,
  flags: number,
  address: Uint8Array,
  addressSize: number,
) => number = libc.func('int64_t sendto(int, const void *, size_t, int, const void *, uint32_t)');
/** `sendto` on a thread of that pool. */
export const sendtoOnThread: (
  fd: number,
  buffer: Uint8Array,
  size: number,
  flags: number,
  address: Uint8Array,
  addressSize: number,
  done: (error: unknown, result: number) => void,
) => void = (sendto as unknown as { async: typeof sendtoOnThread }).async;
export const recv: (fd: number, buffer: Uint8Array, size: number, flags: number) => number = libc.func(
  'int64_t recv(int, void *, size_t, int)',
);
export const recvmmsg: (fd: number, headers: Uint8Array, count: number, flags: number, timeout: null) => number =
  libc.func('int recvmmsg(int, void *, uint, int, void *)');
export const sendmmsg: (fd: number, headers: Uint8Array, count: number, flags: number) => number = libc.func(
  'int sendmmsg(int, void *, uint, int)',
);

// Waiting
export const epollCreate1: (flags: number) => number = libc.func('int epoll_create1(int)');
export const epollCtl: (epollFd: number, operation: number, fd: number, event: Uint8Array | null) => number = libc.func(
  'int epoll_ctl(int, int, int, void *)',
);
export const epollWait: (epollFd: number, events: Uint8Array, count: number, timeoutMs: number) => number = libc.func(
  'int epoll_wait(int, void *, int, int)',
);
export const eventfd: (initial: number, flags: number) => number = libc.func('int eventfd(uint, int)');

// Processes
export const execve: (path: string, argv: (string | null)[], env: (string | null)[]) => number = libc.func(
  'int execve(str, str *, str *)',
);
/** `handler` 0 is SIG_DFL, 1 is SIG_IGN. */
export const signal: (signal: number, handler: number) => number = libc.func('intptr_t signal(int, intptr_t)');

/**
 * Fills `pid`; the result is the errno, not -1. `actions` and `attributes` are what the spawn* functions below laid
 * out.
 */
export const posixSpawn: (
  pid: [number | null],
  path: string,
  actions: Uint8Array,
  attributes: Uint8Array,
  argv: (string | null)[],
  env: (string | null)[],
) => number = libc.func('int posix_spawn(_Out_ int *, str, const void *, const void *, str *, str *)');
export const spawnActionsInit: (actions: Uint8Array) => number = libc.func('int posix_spawn_file_actions_init(void *)');
export const spawnActionsDestroy: (actions: Uint8Array) => number = libc.func(
  'int posix_spawn_file_actions_destroy(void *)',
);
export const spawnActionsAddDup2: (actions: Uint8Array, from: number, to: number) => number = libc.func(
  'int posix_spawn_file_actions_adddup2(void *, int, int)',
);
export const spawnActionsAddChdir: (actions: Uint8Array, path: string) => number = libc.func(
  'int posix_spawn_file_actions_addchdir_np(void *, str)',
);
export const spawnAttributesInit: (attributes: Uint8Array) => number = libc.func('int posix_spawnattr_init(void *)');
export const spawnAttributesSetFlags: (attributes: Uint8Array, flags: number) => number = libc.func(
  'int posix_spawnattr_setflags(void *, short)',
);
export const spawnAttributesSetSignalDefault: (attributes: Uint8Array, set: Uint8Array) => number = libc.func(
  'int posix_spawnattr_setsigdefault(void *, const void *)',
);
export const spawnAttributesSetSignalMask: (attributes: Uint8Array, set: Uint8Array) => number = libc.func(
  'int posix_spawnattr_setsigmask(void *, const void *)',
);
export const waitpid: (pid: number, status: Uint8Array, options: number) => number = libc.func(
  'int waitpid(int, void *, int)',
);
export const pipe2: (fds: Uint8Array, flags: number) => number = libc.func('int pipe2(void *, int)');
export const shutdown: (fd: number, how: number) => number = libc.func('int shutdown(int, int)');
export const memfdCreate: (name: string, flags: number) => number = libc.func('int memfd_create(str, uint)');

export const ifIndexToName: (index: number, name: Uint8Array) => string | null = libc.func(
  'str if_indextoname(uint, void *)',
);

// Memory
export const madvise: (start: number, sizeBytes: number, advice: number) => number = libc.func(
  'int madvise(uintptr_t, size_t, int)',
);
/** Undefined: this C library (musl) keeps nothing that it could give back. */
export const mallocTrim: ((padBytes: number) => number) | undefined = optional('int malloc_trim(size_t)');

function optional(prototype: string): ((padBytes: number) => number) | undefined {
  try {
    return libc.func(prototype);
  } catch {
    return undefined;
  }
}

// Addresses as text
export const inetPton: (family: number, text: string, out: Uint8Array) => number = libc.func(
  'int inet_pton(int, str, void *)',
);

/**
 * Where a buffer's bytes are, for structures that hold pointers. Only for buffers that own at least 128 bytes: V8 keeps
 * very small ones on its moving heap. The caller keeps the buffer reachable as long as the kernel may look at it.
 */
export function addressOf(buffer: Uint8Array): bigint {
  if (buffer.buffer.byteLength < 128) throw new RangeError('buffer too small to have a fixed address');
  return koffi.address(buffer);
}

export interface NftablesLibrary {
  contextNew(flags: number): bigint | null;
  contextFree(context: unknown): void;
  bufferOutput(context: unknown): number;
  bufferError(context: unknown): number;
  getOutput(context: unknown): string;
  getError(context: unknown): string;
  setOutputFlags(context: unknown, flags: number): void;
  runCommands(context: unknown, commands: string): number;
  /** In a thread: nothing else may be done with the context until it resolves. */
  runCommandsAside(context: unknown, commands: string): Promise<number>;
}

let nftables: NftablesLibrary | undefined;

/**
 * libnftables, loaded when first asked for: a process that never writes a ruleset (the resolver) does not pay for it.
 */
export function libnftables(): NftablesLibrary {
  return (nftables ??= loadNftables());
}

/** @throws with the remedy: a package that was never installed, was removed, or is damaged. */
function loadNftables(): NftablesLibrary {
  try {
    return nftablesOf(koffi.load('libnftables.so.1'));
  } catch (error) {
    throw systemError(
      `libnftables.so.1 cannot be used (${errorMessage(error)}): it is in the package libnftables1 (apt-get install --reinstall libnftables1)`,
      error,
    );
  }
}

function nftablesOf(library: ReturnType<typeof koffi.load>): NftablesLibrary {
  const runCommands = library.func('int nft_run_cmd_from_buffer(void *, str)');
  return {
    contextNew: library.func('void *nft_ctx_new(uint32_t)'),
    contextFree: library.func('void nft_ctx_free(void *)'),
    bufferOutput: library.func('int nft_ctx_buffer_output(void *)'),
    bufferError: library.func('int nft_ctx_buffer_error(void *)'),
    getOutput: library.func('str nft_ctx_get_output_buffer(void *)'),
    getError: library.func('str nft_ctx_get_error_buffer(void *)'),
    setOutputFlags: library.func('void nft_ctx_output_set_flags(void *, uint)'),
    runCommands,
    runCommandsAside: (context, commands) =>
      new Promise((resolve, reject) =>
        runCommands.async(context, commands, (error: Error | null, result: number) =>
          error ? reject(error) : resolve(result),
        ),
      ),
  };
}

export interface SeccompLibrary {
  readonly init: (defaultAction: number) => bigint | null;
  readonly release: (context: bigint) => void;
  readonly resolveArchitecture: (name: string) => number;
  readonly addArchitecture: (context: bigint, token: number) => number;
  readonly resolveSyscall: (name: string) => number;
  readonly addRule: (context: bigint, action: number, syscall: number, count: number, args: Bytes) => number;
  readonly exportFilter: (context: bigint, fd: number) => number;
}

let seccomp: SeccompLibrary | null | undefined;

/** libseccomp, which crun and runc use; null where it is not installed (a runtime may have it built in). */
export function libseccomp(): SeccompLibrary | null {
  if (seccomp !== undefined) return seccomp;
  try {
    const library = koffi.load('libseccomp.so.2');
    seccomp = {
      init: library.func('void *seccomp_init(uint32_t)'),
      release: library.func('void seccomp_release(void *)'),
      resolveArchitecture: library.func('uint32_t seccomp_arch_resolve_name(str)'),
      addArchitecture: library.func('int seccomp_arch_add(void *, uint32_t)'),
      resolveSyscall: library.func('int seccomp_syscall_resolve_name(str)'),
      addRule: library.func('int seccomp_rule_add_array(void *, uint32_t, int, unsigned int, const void *)'),
      exportFilter: library.func('int seccomp_export_bpf(void *, int)'),
    };
  } catch {
    seccomp = null;
  }
  return seccomp;
}

export interface PollEvents {
  readonly readable: boolean;
  readonly writable: boolean;
}

export interface PollHandle {
  start(events: PollEvents, ready: (status: number) => void): void;
  stop(): void;
  ref(): void;
  unref(): void;
  close(): void;
}

/**
 * libuv's own poll handle on any pollable descriptor. koffi calls `ready` from outside Node's callback scope (no
 * microtasks afterwards, and an exception has nowhere to go): fd-watch.ts wraps it, use that. A status that is not 0
 * means that libuv has stopped polling because an error is pending on the descriptor.
 */
export const pollWithLibuv: (fd: number, events: PollEvents, ready: (status: number) => void) => PollHandle =
  // koffi's types declare the events alone; it passes the status before them.
  koffi.node.poll as unknown as typeof pollWithLibuv;
