import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode, errorMessage, invalid } from '../../base/errors.ts';

/**
 * Makes a directory of the host with its parents; what is there already, directory or not, is fine. Step by step: Node's own
 * recursive mkdir never ends where the kernel says ENOENT for a name that cannot be made (/proc/nosuch).
 * @throws invalid in Docker's words
 */
export async function makeHostDirectory(path: string): Promise<void> {
  try {
    await makeWithParents(path);
  } catch (error) {
    throw invalid(`error while creating mount source path '${path}': ${errorMessage(error)}`, error);
  }
}

async function makeWithParents(path: string): Promise<void> {
  if (await exists(path)) return;
  const parent = dirname(path);
  if (parent !== path) await makeWithParents(parent);
  try {
    await mkdir(path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
