/**
 * Node's errors of files, programs and sockets in the words that users know: 'open /a/b: too many open files', as Go
 * has it and Docker shows it, where Node says "EMFILE: too many open files, open '/a/b'".
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

/** The errno name that a program means by the last words of its complaint; undefined where they are none of these. */
export function hostCodeOf(complaint: string): string | undefined {
  const words = complaint.trim().toLowerCase();
  return Object.keys(REASONS).find((code) => words.endsWith(REASONS[code]!));
}

/**
 * A cause for one of the engine's errors: what the host refused, known by other means than an error of Node's, and
 * where.
 */
export function hostFailure(
  code: string,
  path?: string,
  cause?: unknown,
): Error & { readonly code: string; readonly path: string | undefined } {
  return Object.assign(new Error(hostReason(code), { cause }), { code, path });
}

interface HostError extends Error {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly path?: unknown;
  readonly dest?: unknown;
}

/** The sentence; undefined for an error that is not Node's about the host. */
export function hostErrorSentence(error: Error): string | undefined {
  const { code, syscall, path, dest } = error as HostError;
  if (typeof code !== 'string' || typeof syscall !== 'string' || !error.message.startsWith(`${code}: `))
    return undefined;
  const call = syscall === 'scandir' ? 'open' : syscall; // a name that only Node has
  const what = [call, ...[path, dest].filter((item) => typeof item === 'string')].join(' ');
  return `${what}: ${nodeReason(error) ?? code}`;
}

/** 'no such file or directory' for an error of Node's about the host. */
export function nodeReason(error: Error): string | undefined {
  const { code } = error as HostError;
  if (typeof code === 'string' && Object.hasOwn(REASONS, code)) return REASONS[code];
  return /^[A-Z0-9]+: (.*?), \w+/.exec(error.message)?.[1];
}
