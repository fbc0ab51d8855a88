/** Where the context of a build is, and the Dockerfile in it: by the rules of Docker's client, in its words. */
import { lstatSync, statSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { StatusError } from '../command/status-error.ts';
import { realPath } from './real-path.ts';

export type ContextSource =
  | { readonly from: 'stdin' }
  /** An address that the daemon fetches: of a git repository, an archive, or a Dockerfile alone. */
  | { readonly from: 'remote'; readonly address: string }
  | {
      readonly from: 'directory';
      /** Absolute, without symbolic links. */
      readonly directory: string;
      /** In the directory; '-' = it comes from standard input, '../..' = it is elsewhere. */
      readonly dockerfile: string;
    };

export const isOutside = (dockerfile: string): boolean => dockerfile.startsWith('../');

/** `file`: the value of --file. @throws StatusError */
export function findContext(context: string, file: string): ContextSource {
  if (context === '-') {
    if (file === '-') throw new StatusError("invalid argument: can't use stdin for both build context and dockerfile");
    return { from: 'stdin' };
  }
  if (statSync(context, { throwIfNoEntry: false })) {
    try {
      return { from: 'directory', ...localContext(context, file) };
    } catch (error) {
      throw new StatusError(`unable to prepare context: ${(error as Error).message}`);
    }
  }
  if (isRemote(context)) return { from: 'remote', address: context };
  throw new StatusError(`unable to prepare context: path ${JSON.stringify(context)} not found`);
}

function localContext(context: string, file: string): { directory: string; dockerfile: string } {
  let directory: string;
  try {
    directory = realPath(resolve(context));
  } catch (error) {
    throw new Error(`unable to evaluate symlinks in context path: ${(error as Error).message}`);
  }
  if (!lstatSync(directory).isDirectory()) throw new Error(`context must be a directory: ${directory}`);
  if (file === '-') return { directory, dockerfile: '-' };
  const given = file === '' ? resolve(directory, defaultName(directory)) : resolve(file);
  try {
    return { directory, dockerfile: relative(directory, realPath(given)) };
  } catch (error) {
    throw new Error(`unable to evaluate symlinks in Dockerfile path: ${(error as Error).message}`);
  }
}

function defaultName(directory: string): string {
  const isThere = (name: string) => lstatSync(resolve(directory, name), { throwIfNoEntry: false }) !== undefined;
  return !isThere('Dockerfile') && isThere('dockerfile') ? 'dockerfile' : 'Dockerfile';
}

const isRemote = (context: string): boolean =>
  /^https?:\/\//.test(context) || /^(?:git:\/\/|github\.com\/|git@)/.test(context);
