import { CausewayError, errorCode, errorMessage, systemError } from '../base/errors.ts';
import { hostFailure, hostReason } from '../base/host-errors.ts';

/** A failure to write, in Go's words as Docker shows them: 'write /a/b: no space left on device'. */
export function storageError(operation: string, path: string, error: unknown): CausewayError {
  if (error instanceof CausewayError) return error;
  const code = errorCode(error) ?? '';
  const reason = hostReason(code);
  return systemError(
    `${operation} ${path}: ${reason === code ? errorMessage(error) : reason}`,
    reason === code ? error : hostFailure(code, path, error),
  );
}

const FAULTS_OF_FILES: readonly string[] = [
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'ELOOP',
  'EIO',
  'EUCLEAN',
  'ERR_STRING_TOO_LONG',
  'ERR_FS_FILE_TOO_LARGE',
];

/** Whether it is about the file, or about its content; otherwise it cannot be read now, and may be intact. */
function isFaultOfFile(error: unknown): boolean {
  const code = errorCode(error);
  return code === undefined || FAULTS_OF_FILES.includes(code);
}

/** Why a file counts as damaged. @throws where it cannot be read just now */
export function damageOf(path: string, error: unknown): string {
  if (isFaultOfFile(error)) return errorMessage(error);
  throw storageError('read', path, error);
}
