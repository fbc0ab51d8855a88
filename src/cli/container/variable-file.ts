/** --env-file and --label-file: one NAME=value a line, # comments. */
import { readNamedFile } from '../api/user-file.ts';
import { cut } from './flag-checks.ts';

/** `valueOf` gives the value of a name without one; undefined leaves it out. Without it the name is kept as it is. */
export function readVariableFile(path: string, valueOf?: (name: string) => string | undefined): string[] {
  let text: string;
  try {
    text = readNamedFile(path).toString();
  } catch (error) {
    const directory = (error as NodeJS.ErrnoException).code === 'EISDIR';
    if ((error as NodeJS.ErrnoException).code === undefined)
      throw new Error(`invalid env file (${path}): ${(error as Error).message}`);
    throw new Error(
      directory ? `invalid env file (${path}): ${goFileError(error, 'read', path)}` : goFileError(error, 'open', path),
    );
  }
  const variables: string[] = [];
  text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .forEach((raw, index) => {
      if (raw.includes('\uFFFD'))
        throw new Error(`invalid env file (${path}): invalid utf8 bytes at line ${index + 1}: ${raw}`);
      const line = raw.replace(/\r$/, '').replace(/^\s+/, '');
      if (line === '' || line.startsWith('#')) return;
      const [name, value] = cut(line, '=');
      if (name === '') throw new Error(`invalid env file (${path}): no variable name on line '${line}'`);
      if (/[ \t]/.test(name)) throw new Error(`invalid env file (${path}): variable '${name}' contains whitespaces`);
      if (value !== undefined) variables.push(`${name}=${value}`);
      else if (valueOf === undefined) variables.push(name);
      else {
        const found = valueOf(name);
        if (found !== undefined) variables.push(`${name}=${found}`);
      }
    });
  return variables;
}

const ERRNO_TEXT: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  EEXIST: 'file exists',
  ENOSPC: 'no space left on device',
  EROFS: 'read-only file system',
};

/** "open /nope: no such file or directory", as Go words it. */
export function goFileError(error: unknown, call: string, path: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return `${call} ${path}: ${(code && ERRNO_TEXT[code]) ?? message}`;
}
