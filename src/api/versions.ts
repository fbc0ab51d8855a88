/** API versions: what is offered, and how a request's version is compared. */
import { invalid } from '../base/errors.ts';
import { apiVersionNumber } from '../wire/api-version.ts';

export const NEWEST_API = '1.55';
export const OLDEST_API = '1.24';
/**
 * Whose shape the answer to a path without a version has: what a client reads that names none is older than 1.52, which
 * took the addresses of the default bridge and the names in events away.
 */
const UNNAMED_API = '1.51';

const newest = apiVersionNumber(NEWEST_API);

/**
 * The number of the version that a path asked for ('' where it has none); refuses versions that are not offered, in Docker's
 * words.
 */
export function negotiateVersion(asked: string, oldest = OLDEST_API): number {
  if (asked === '') return apiVersionNumber(UNNAMED_API);
  const number = apiVersionNumber(asked);
  if (number < apiVersionNumber(oldest) || Number.isNaN(number)) {
    throw invalid(
      `client version ${asked} is too old. Minimum supported API version is ${oldest}, please upgrade your client to a newer version`,
    );
  }
  if (number > newest)
    throw invalid(`client version ${asked} is too new. Maximum supported API version is ${NEWEST_API}`);
  return number;
}

/** What --min-api-version may not be, in dockerd's words. @throws invalid */
export function refuseOldestApi(version: string): void {
  const refuse = (reason: string): never => {
    throw invalid(`invalid min-api-version: ${reason}`);
  };
  if (version === '') return;
  if (/^v/i.test(version)) refuse('API version must be provided without "v" prefix');
  if (!/^\d{1,3}\.\d{1,3}$/.test(version)) refuse(`expected a version like ${OLDEST_API}: ${version.slice(0, 100)}`);
  const number = apiVersionNumber(version);
  if (number < apiVersionNumber(OLDEST_API)) refuse(`minimum supported API version is ${OLDEST_API}: ${version}`);
  if (number > newest) refuse(`maximum supported API version is ${NEWEST_API}: ${version}`);
}

/** True when `version` (a number from negotiateVersion) is older than `text`. */
export function olderThan(version: number, text: string): boolean {
  return version < apiVersionNumber(text);
}
