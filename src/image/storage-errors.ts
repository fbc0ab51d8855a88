import { CausewayError, errorCode, errorMessage, systemError } from '../base/errors.ts';
import { hostReason } from '../base/host-errors.ts';

/** A failure to write, in Go's words as Docker shows them: 'write /a/b: no space left on device'. */
export function storageError(operation: string, path: string, error: unknown): CausewayError {
  if (error instanceof CausewayError) return error;
  const code = errorCode(error) ?? '';
  const reason = hostReason(code);
  return systemError(`${operation} ${path}: ${reason === code ? errorMessage(error) : reason}`, error);
}
