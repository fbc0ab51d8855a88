/**
 * A small file that is replaced whole: after a crash of the machine at any instruction it is the old one or the new
 * one.
 */
import { closeSync, fdatasyncSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { syncDirectory } from '../base/sync-directories.ts';
import { dirname } from 'node:path';
import { storageError } from './storage-errors.ts';

/**
 * Durable when it returns; if it throws, nothing has changed. `before`: what is in the file that is replaced; undefined
 * where there is none.
 */
export function writeDurably(path: string, content: string, before: () => string | undefined): void {
  const beside = `${path}.new`;
  let replaced = false;
  try {
    const file = openSync(beside, 'w', 0o600);
    try {
      const bytes = Buffer.from(content);
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
      fdatasyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, path);
    replaced = true;
    syncDirectory(dirname(path));
  } catch (error) {
    if (replaced) putBack(path, beside, before());
    rmSync(beside, { force: true });
    throw storageError('write', replaced ? path : beside, error);
  }
}

/**
 * The file is renamed, but perhaps not durably: a caller that is told of the failure must find what was there before.
 */
function putBack(path: string, beside: string, before: string | undefined): void {
  if (before === undefined) return rmSync(path, { force: true });
  writeFileSync(beside, before, { mode: 0o600 });
  renameSync(beside, path);
}
