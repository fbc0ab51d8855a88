/**
 * koffi as a door: every C function that the daemon calls, but for those that are known to touch nothing outside of its
 * process.
 */
import { callersOf, visit } from './control.ts';

type Plain = (...args: unknown[]) => unknown;
type Call = Plain & { async?: Plain };
interface Library {
  func(prototype: string): Call;
}
interface Koffi {
  load(path: string): Library;
  errno(): number;
}

/**
 * Their effect ends with the process, so a kill before one of them is a kill before what comes next. They can fail all
 * the same.
 */
const LOOKS =
  /^(accept4?|bind|chdir|chroot|close|connect|epoll_\w+|eventfd|fchdir|fcntl|fgetxattr|flock|getsockname|getsockopt|getxattr|lgetxattr|listen|memfd_create|open|openat|pipe2|poll|prctl|read|recv\w*|sendmmsg|setns|setsockopt|shutdown|signal|socket|socketpair|unshare|waitpid)$/;
/** Nothing that can fail for a reason of the kernel's. */
const FREE = /^(if_indextoname|inet_pton|nft_ctx_\w+|posix_spawn(attr|_file_actions)_\w+|strerror)$/;

let injected: number | undefined;

export function hookKoffi(real: Koffi): Koffi {
  const load = (path: string): Library => {
    const library = real.load(path);
    return new Proxy(library, {
      get: (target, key) =>
        key === 'func'
          ? (prototype: string) => hookCall(prototype, target.func(prototype))
          : Reflect.get(target, key, target),
    });
  };
  const errno = (): number => injected ?? real.errno();
  return new Proxy(real, {
    get: (target, key) => (key === 'load' ? load : key === 'errno' ? errno : Reflect.get(target, key, target)),
  });
}

function hookCall(prototype: string, real: Call): Call {
  const name = /(\w+)\(/.exec(prototype)![1]!;
  if (FREE.test(name)) return real;
  const before = (args: unknown[], below: (...args: never[]) => unknown): number | undefined => {
    const fault = visit('c', describe(name, args), !LOOKS.test(name) && !onlyAsks(name, args), callersOf(below));
    injected = fault?.errno;
    return fault?.errno;
  };
  const cCall: Call = (...args) => {
    const errno = before(args, cCall);
    if (errno === undefined) return real(...args);
    return name === 'posix_spawn' ? errno : -1;
  };
  if (real.async) {
    const cCallOnThread = (...args: unknown[]): unknown => {
      if (before(args, cCallOnThread) === undefined) return real.async!(...args);
      return void setImmediate(args.at(-1) as Plain, null, -1);
    };
    cCall.async = cCallOnThread;
  }
  return cCall;
}

/** `syscall` says which one it is. */
function describe(name: string, args: readonly unknown[]): string {
  return name === 'syscall' ? `syscall-${String(args[0])}` : name;
}

const NLM_F_DUMP = 0x300;
const SYSCALLS_THAT_LOOK = new Set([
  434 /* pidfd_open */, 437 /* openat2 */, 428 /* open_tree */, 430 /* fsopen */, 431 /* fsconfig */, 432 /* fsmount */,
  332 /* statx */,
]);

/** Netlink requests that only ask, and system calls that only open. */
function onlyAsks(name: string, args: readonly unknown[]): boolean {
  if (name === 'syscall') return SYSCALLS_THAT_LOOK.has(Number(args[0]));
  const message = args[1];
  if (!/^send(to)?$/.test(name) || !Buffer.isBuffer(message) || message.length < 16) return false;
  const [type, flags] = [message.readUInt16LE(4), message.readUInt16LE(6)];
  return (flags & NLM_F_DUMP) === NLM_F_DUMP || (type >= 16 && type < 256 && type % 4 === 2);
}
