/** API versions: what is offered, and how a request's version is compared. */
import { invalid } from '../base/errors.ts';
import { apiVersionNumber } from '../wire/api-version.ts';

export const NEWEST_API = '1.51';
export const OLDEST_API = '1.24';

const newest = apiVersionNumber(NEWEST_API);
const oldest = apiVersionNumber(OLDEST_API);

/**
 * The number of the version that a path asked for ('' = the newest); refuses versions that are not offered, in Docker's
 * words.
 */
export function negotiateVersion(asked: string): number {
  if (asked === '') return newest;
  const number = apiVersionNumber(asked);
  if (number < oldest || Number.isNaN(number)) {
    throw invalid(
      `client version ${asked} is too old. Minimum supported API version is ${OLDEST_API}, please upgrade your client to a newer version`,
    );
  }
  if (number > newest)
    throw invalid(`client version ${asked} is too new. Maximum supported API version is ${NEWEST_API}`);
  return number;
}

/** True when `version` (a number from negotiateVersion) is older than `text`. */
export function olderThan(version: number, text: string): boolean {
  return version < apiVersionNumber(text);
}
