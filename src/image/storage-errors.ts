import { CausewayError, errorCode, errorMessage, systemError } from '../base/errors.ts';

/** A failure to write, in Go's words as Docker shows them: 'write /a/b: no space left on device'. */
export function storageError(operation: string, path: string, error: unknown): CausewayError {
  if (error instanceof CausewayError) return error;
  const reasons: Record<string, string> = {
    ENOSPC: 'no space left on device',
    EDQUOT: 'disk quota exceeded',
    EROFS: 'read-only file system',
    EACCES: 'permission denied',
    ENOENT: 'no such file or directory',
    EIO: 'input/output error',
  };
  const reason = reasons[errorCode(error) ?? ''] ?? errorMessage(error);
  return systemError(`${operation} ${path}: ${reason}`, error);
}
