/**
 * The files of the directories of CDI specifications. They are the administrator's: a broken one is told of and harms
 * none of the others, and none is so large, or such a thing (a FIFO, a device), that reading it would take for ever.
 */
import { closeSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../base/errors.ts';
import { readUpTo } from '../../kernel/host-file.ts';
import { openRegularFile } from '../../kernel/regular-file.ts';

const MAX_FILES = 1024; // in one directory
const MAX_BYTES = 1024 ** 2;

export interface CdiFile {
  readonly path: string;
  /** Changes when the file does. */
  readonly stamp: string;
  /** @throws Error */
  read(): string;
}

/** In the order of their names; none where there is no directory. @throws Error where it cannot be read */
export function cdiFiles(directory: string): CdiFile[] {
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => name.endsWith('.json') || name.endsWith('.yaml'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
  if (names.length > MAX_FILES) throw new Error(`there are ${names.length} files: more than ${MAX_FILES} are not read`);
  return names.sort().flatMap((name) => fileAt(join(directory, name)) ?? []);
}

function fileAt(path: string): CdiFile | undefined {
  const file = openRegularFile('/', path);
  if (file === undefined) return undefined; // a directory, a device, a link that leads nowhere
  closeSync(file.fd);
  const { dev, ino, size, mtimeMs, ctimeMs } = file.stats;
  return { path, stamp: [dev, ino, size, mtimeMs, ctimeMs].join(), read: () => readText(path) };
}

function readText(path: string): string {
  const file = openRegularFile('/', path);
  if (file === undefined) throw new Error(`failed to read CDI Spec ${JSON.stringify(path)}: it is gone`);
  try {
    const content = readUpTo(file.fd, MAX_BYTES);
    if (content.length > MAX_BYTES)
      throw new Error(`failed to read CDI Spec ${JSON.stringify(path)}: it is larger than ${MAX_BYTES} bytes`);
    return content.toString();
  } finally {
    closeSync(file.fd);
  }
}
