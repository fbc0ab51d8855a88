/** Go's filepath.EvalSymlinks, whose sentences Docker's users see: which part of a path is not there. */
import { lstatSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { goFileError } from '../container/variable-file.ts';

const MAX_LINKS = 255;

/** Of an absolute path. @throws Error in Go's words */
export function realPath(path: string): string {
  let left = path.split('/').filter((name) => name !== '' && name !== '.');
  let at = '/';
  for (let links = 0; left.length > 0;) {
    const [name = '', ...rest] = left;
    left = rest;
    const next = join(at, name);
    let target: string | undefined;
    try {
      const stats = lstatSync(next);
      if (!stats.isSymbolicLink() && !stats.isDirectory() && rest.length > 0)
        throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' });
      target = stats.isSymbolicLink() ? readlinkSync(next) : undefined;
    } catch (error) {
      throw new Error(goFileError(error, 'lstat', next));
    }
    if (target === undefined) at = next;
    else {
      if (++links > MAX_LINKS) throw new Error('EvalSymlinks: too many links');
      left = [...target.split('/').filter((part) => part !== '' && part !== '.'), ...rest];
      if (target.startsWith('/')) at = '/';
    }
  }
  return at;
}
