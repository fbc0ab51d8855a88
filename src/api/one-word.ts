/**
 * Texts that become a word of a line in a container's hosts file or resolv.conf: a break in one would be a line of its
 * own.
 */
import { invalid } from '../base/errors.ts';

const isSplit = (text: string): boolean => /[\s\p{Cc}]/u.test(text);

export function refuseSplit(what: string, text: string): void {
  if (isSplit(text))
    throw invalid(`invalid ${what} ${JSON.stringify(text)}: it must have no white space and no control characters`);
}
