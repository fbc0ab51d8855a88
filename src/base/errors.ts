/**
 * Errors with a kind. Every error that may reach a user is a CausewayError: its message is the sentence the user reads
 * (Docker's own words where Docker has them) and its kind decides the HTTP status, in one place, in `api`.
 */
import { hostErrorSentence, hostFailure } from './host-errors.ts';

export type ErrorKind =
  | 'invalid' // the request is wrong: 400
  | 'unauthorized' // 401
  | 'forbidden' // understood, never allowed: 403
  | 'notFound' // 404
  | 'conflict' // the state of something forbids it now: 409
  | 'notModified' // already so: 304
  | 'system' // something that the engine relies on failed: 500
  | 'notImplemented' // not built: 501
  | 'unavailable'; // 503

export class CausewayError extends Error {
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CausewayError';
    this.kind = kind;
  }
}

export const invalid = (message: string, cause?: unknown) => new CausewayError('invalid', message, { cause });
export const unauthorized = (message: string, cause?: unknown) => new CausewayError('unauthorized', message, { cause });
export const forbidden = (message: string, cause?: unknown) => new CausewayError('forbidden', message, { cause });
export const notFound = (message: string, cause?: unknown) => new CausewayError('notFound', message, { cause });
export const conflict = (message: string, cause?: unknown) => new CausewayError('conflict', message, { cause });
export const notModified = (message: string) => new CausewayError('notModified', message);
export const systemError = (message: string, cause?: unknown) => new CausewayError('system', message, { cause });
export const notImplemented = (message: string) => new CausewayError('notImplemented', message);
export const unavailable = (message: string, cause?: unknown) => new CausewayError('unavailable', message, { cause });

/** The kind of any thrown value; what is not the engine's own error is the system's fault. */
export function errorKind(error: unknown): ErrorKind {
  return error instanceof CausewayError ? error.kind : 'system';
}

/** What a user reads of any thrown value. */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof CausewayError ? error.message : (hostErrorSentence(error) ?? error.message);
}

/** The errno name ("ENOENT") of a Node or kernel error, or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The first of these errno names that it failed with underneath, however many errors were put around that. */
export function codeBeneath(error: unknown, codes: readonly string[]): string | undefined {
  return causesOf(error)
    .map(errorCode)
    .find((code) => code !== undefined && codes.includes(code));
}

/** The error, its cause, that one's cause and so on; where several were collected, each with its own. */
export function causesOf(error: unknown): unknown[] {
  if (typeof error !== 'object' || error === null) return [];
  const causes: unknown[] = error instanceof AggregateError ? error.errors : 'cause' in error ? [error.cause] : [];
  return [error, ...causes.flatMap(causesOf)];
}

/** An error on its way from one thread or process to another. */
export interface ToldError {
  readonly kind: ErrorKind;
  readonly message: string;
  /** Errno names, the outermost first. */
  readonly codes: readonly string[];
}

export function tellError(error: unknown): ToldError {
  return {
    kind: errorKind(error),
    message: errorMessage(error),
    codes: causesOf(error)
      .map(errorCode)
      .filter((code) => code !== undefined),
  };
}

export function toldError({ kind, message, codes }: ToldError): CausewayError {
  return new CausewayError(
    kind,
    message,
    codes.length === 0 ? {} : { cause: new AggregateError(codes.map((code) => hostFailure(code))) },
  );
}

/**
 * Throws what was collected while a teardown went on to its end: nothing, the one error, or one that names them all.
 */
export function throwCollected(what: string, errors: readonly unknown[]): void {
  if (errors.length === 0) return;
  if (errors.length === 1) throw errors[0];
  const text = errors.map(errorMessage).join('; ');
  throw new CausewayError('system', `${what}: ${text}`, { cause: new AggregateError(errors) });
}
