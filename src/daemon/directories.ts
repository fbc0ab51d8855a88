import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, errorMessage, systemError } from '../base/errors.ts';
import { nodeReason } from '../base/host-errors.ts';

/**
 * Makes a directory with its parents; one that is there stays. Step by step: Node's own recursive mkdir never ends
 * where the kernel says ENOENT for a name that cannot be made (/proc/nosuch).
 */
export function makeDirectory(path: string, mode = 0o755): void {
  let found;
  try {
    found = statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw refusal(path, error);
  }
  if (found?.isDirectory()) return;
  if (found) throw systemError(`cannot make the directory ${path}: a file is in the way`);
  const parent = dirname(path);
  if (parent !== path) makeDirectory(parent);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw refusal(path, error);
  }
}

function refusal(path: string, error: unknown): Error {
  const reason = nodeReason(error as Error) ?? errorMessage(error);
  return systemError(`cannot make the directory ${path}: ${reason}`, error);
}
