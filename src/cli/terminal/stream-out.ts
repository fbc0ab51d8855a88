/**
 * Writing a download to a file, which appears whole or not at all, or to standard output when that is not a terminal.
 */
import { createWriteStream, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StatusError } from '../command/status-error.ts';
import { writeAll } from './output.ts';
import { isTerminal } from './terminal-device.ts';

/** Refuses before anything is asked of the daemon. */
export function checkOutput(path: string, doing: string): void {
  if (path === '') {
    if (isTerminal(1)) throw new StatusError('cowardly refusing to save to a terminal. Use the -o flag or redirect');
    return;
  }
  const directory = dirname(path);
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new StatusError(`${doing}: invalid output path: stat ${directory}: no such file or directory`);
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new StatusError(`${doing}: invalid output path: cannot write to a directory`);
  }
}

export async function saveStream(stream: Readable, path: string): Promise<void> {
  if (path === '') {
    for await (const chunk of stream) writeAll(1, chunk as Buffer);
    return;
  }
  // A device or a pipe is written to as it is.
  const existing = statSync(path, { throwIfNoEntry: false });
  if (existing && !existing.isFile()) return pipeline(stream, createWriteStream(path));
  const fresh = `${path}.${process.pid}.tmp`;
  try {
    await pipeline(stream, createWriteStream(fresh, { mode: 0o600 }));
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}
