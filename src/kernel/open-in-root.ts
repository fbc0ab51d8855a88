/**
 * Opening files inside a directory with untrusted content (a container's root filesystem): the kernel resolves the path
 * so that neither `..`, nor symbolic links, nor concurrent renames escape it. Linux 5.6.
 */
import { closeFd, O_CLOEXEC, O_DIRECTORY, O_PATH, openFd } from './descriptors.ts';
import { check } from './errors.ts';
import { syscallBytesBuffer, syscallPathBuffer } from './ffi.ts';

const SYS_OPENAT2 = 437;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;
const RESOLVE_IN_ROOT = 0x10;

export interface OpenInRootOptions {
  /** O_* flags; default O_PATH: a descriptor that only names the file. */
  readonly flags?: number;
  /** Permission bits for O_CREAT. */
  readonly mode?: number;
  /** Refuse (EXDEV) what would resolve outside, an absolute link too, instead of taking it as seen from inside. */
  readonly beneath?: boolean;
  /** Refuse symbolic links anywhere in the path (ELOOP) instead of following them inside the root. */
  readonly noSymlinks?: boolean;
}

/**
 * Opens `path` as a process with its root at `root` would: absolute links start there again, `..` stops there. `root`
 * is a directory or a descriptor of one. The result is close-on-exec; /proc/self/fd/N names the file to Node's fs.
 */
export function openInRoot(root: string | number, path: string, options: OpenInRootOptions = {}): number {
  const directory = typeof root === 'number' ? root : openFd(root, O_PATH | O_DIRECTORY);
  try {
    const how = openHow(options);
    return check(syscallPathBuffer(SYS_OPENAT2, directory, path, how, how.length), `open ${path} inside ${root}`);
  } finally {
    if (typeof root === 'string') closeFd(directory);
  }
}

/** The same for a path of bytes, in latin1, with its NUL. */
export function openBytesInRoot(root: number, path: Buffer, options: OpenInRootOptions = {}): number {
  const how = openHow(options);
  return check(syscallBytesBuffer(SYS_OPENAT2, root, path, how, how.length), 'open');
}

/** struct open_how { flags, mode, resolve }, 64 bits each */
function openHow({ flags = O_PATH, mode = 0, beneath = false, noSymlinks = false }: OpenInRootOptions): Buffer {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(
    BigInt(
      (beneath ? RESOLVE_BENEATH : RESOLVE_IN_ROOT) | RESOLVE_NO_MAGICLINKS | (noSymlinks ? RESOLVE_NO_SYMLINKS : 0),
    ),
    16,
  );
  return how;
}

/**
 * Runs `work` with a path that names the opened file as long as it runs ('/proc/self/fd/N'), then closes it. `work` may
 * be asynchronous.
 */
export function withFileInRoot<T>(
  root: string | number,
  path: string,
  work: (file: string) => T,
  options: OpenInRootOptions = {},
): T {
  const fd = openInRoot(root, path, options);
  let later = false;
  try {
    const result = work(`/proc/self/fd/${fd}`);
    if (result instanceof Promise) {
      later = true;
      return result.finally(() => closeFd(fd)) as T;
    }
    return result;
  } finally {
    if (!later) closeFd(fd);
  }
}
