/** A small file that is replaced whole: after a crash of the machine at any instruction it is the old one or the new one. */
import { closeSync, fdatasyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { syncDirectory } from '../base/sync-directories.ts';
import { dirname } from 'node:path';
import { storageError } from './storage-errors.ts';

/** Durable when it returns; if it throws, nothing has changed. */
export function writeDurably(path: string, content: string): void {
  const beside = `${path}.new`;
  try {
    const file = openSync(beside, 'w', 0o600);
    try {
      const bytes = Buffer.from(content);
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      fdatasyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, path);
    syncDirectory(dirname(path));
  } catch (error) {
    rmSync(beside, { force: true });
    throw storageError('write', beside, error);
  }
}
