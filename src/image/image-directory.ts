/** Directories of an image, looked for in its layers as they lie on the disk, so that nothing has to be mounted. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { codeBeneath, systemError } from '../base/errors.ts';
import { pathComponents, resolveOrMakeDirectory } from '../kernel/root-path.ts';
import { makeDirectory } from '../kernel/tree-writer.ts';
import { isOpaque } from './rootfs-changes.ts';

const DIRECTORY_MODE = 0o755;

/**
 * Whether the layers, the topmost first, certainly have a directory at `path`, reached without a link. False says
 * nothing: a mounted file system has the answer.
 */
export function certainlyHasDirectory(layers: readonly string[], path: string): boolean {
  const parts = pathComponents(path);
  if (parts.includes('..')) return false;
  for (const layer of layers) {
    const seen = look(layer, parts);
    if (seen !== 'nothing here') return seen === 'directory';
  }
  return false;
}

function look(layer: string, parts: readonly string[]): 'directory' | 'nothing here' | 'hidden or other' {
  let at = layer;
  for (const part of parts) {
    const above = at;
    at = join(at, part);
    const stats = lstatSync(at, { throwIfNoEntry: false });
    // Nothing of the layers below shows through an opaque directory.
    if (!stats) return isOpaque(above) ? 'hidden or other' : 'nothing here';
    if (!stats.isDirectory()) return 'hidden or other';
  }
  return 'directory';
}

/** Makes a container's working directory in its mounted root. @throws in Docker's words where something else is there */
export function makeWorkingDirectory(rootfsDir: string, path: string): void {
  try {
    const bytes = Buffer.from(path).toString('latin1');
    const make = (parent: number, name: string) => makeDirectory(parent, name, DIRECTORY_MODE);
    resolveOrMakeDirectory({ root: rootfsDir }, bytes, make).close();
  } catch (error) {
    if (codeBeneath(error, ['ENOTDIR']) === undefined) throw error;
    throw systemError(`Cannot mkdir: ${path} is not a directory`, error);
  }
}
