import type { ErrorKind } from '../base/errors.ts';

/** The one place where an error's kind becomes an HTTP status. */
export const HTTP_STATUS: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
  notModified: 304,
  system: 500,
  notImplemented: 501,
  unavailable: 503,
};
