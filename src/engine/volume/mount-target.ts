/** The place in a container where something is mounted. */
import { isAbsolute, normalize } from 'node:path';

/** Without '..' and a slash at the end. @throws what `wrong` makes of the reason: not absolute, or the root itself */
export function cleanTarget(path: string, wrong: (reason: string) => Error): string {
  if (!isAbsolute(path)) throw wrong(`invalid mount path: '${path}' mount path must be absolute`);
  const clean = normalize(path).replace(/(.)\/+$/, '$1');
  if (clean === '/') throw wrong("invalid specification: destination can't be '/'");
  return clean;
}
