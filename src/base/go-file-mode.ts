/** Go's os.FileMode, the form in which Docker's API gives a file's kind and permissions. */
import { constants } from 'node:fs';

const KINDS: Readonly<Record<number, number>> = {
  [constants.S_IFDIR]: 2 ** 31,
  [constants.S_IFLNK]: 2 ** 27,
  [constants.S_IFBLK]: 2 ** 26,
  [constants.S_IFCHR]: 2 ** 26 + 2 ** 21,
  [constants.S_IFIFO]: 2 ** 25,
  [constants.S_IFSOCK]: 2 ** 24,
};

/** From st_mode. */
export function goFileMode(mode: number): number {
  let result = (mode & 0o777) + (KINDS[mode & constants.S_IFMT] ?? 0);
  if (mode & 0o4000) result += 2 ** 23;
  if (mode & 0o2000) result += 2 ** 22;
  if (mode & 0o1000) result += 2 ** 20;
  return result;
}
