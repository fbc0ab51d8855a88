/**
 * Node's errors of files, programs and sockets in the words of who uses them: 'open /a/b: too many open files', as Go has it and Docker shows it,
 * where Node says "EMFILE: too many open files, open '/a/b'".
 */

/** libuv has words of its own for these; what is not here reads the same in both. */
const REASONS: Readonly<Record<string, string>> = {
  EBUSY: 'device or resource busy',
  EDQUOT: 'disk quota exceeded',
  EISDIR: 'is a directory',
  EIO: 'input/output error',
  ELOOP: 'too many levels of symbolic links',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'file name too long',
  ENFILE: 'too many open files in system',
  ENOENT: 'no such file or directory',
  ENOMEM: 'cannot allocate memory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  EACCES: 'permission denied',
  EAGAIN: 'resource temporarily unavailable',
  EEXIST: 'file exists',
  EINVAL: 'invalid argument',
  ENXIO: 'no such device or address',
  EPERM: 'operation not permitted',
  EPIPE: 'broken pipe',
  EROFS: 'read-only file system',
  EXDEV: 'invalid cross-device link',
};

/** 'no space left on device' for 'ENOSPC'; the name itself where there are no words. */
export const hostReason = (code: string): string => REASONS[code] ?? code;

interface HostError extends Error {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly path?: unknown;
  readonly dest?: unknown;
}

/** The sentence; undefined for an error that is none of Node's about the host. */
export function hostErrorSentence(error: Error): string | undefined {
  const { code, syscall, path, dest } = error as HostError;
  if (typeof code !== 'string' || typeof syscall !== 'string' || !error.message.startsWith(`${code}: `)) return undefined;
  const told = /^[A-Z0-9]+: (.*?), \w+/.exec(error.message)?.[1] ?? code;
  const call = syscall === 'scandir' ? 'open' : syscall; // a name that only Node has
  const what = [call, ...[path, dest].filter((item) => typeof item === 'string')].join(' ');
  return `${what}: ${Object.hasOwn(REASONS, code) ? REASONS[code] : told}`;
}
