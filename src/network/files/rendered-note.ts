/**
 * The intended content of a container's file, noted next to it before it is written: a daemon that dies before it has
 * stored that it wrote the file can still tell its own lines from the user's. Only an aid: a damaged note is treated as
 * absent.
 */
import { closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { errorMessage } from '../../base/errors.ts';
import { parseJsonText } from '../../base/json-text.ts';
import type { Log } from '../../base/log.ts';
import { openRegularFile } from '../../kernel/regular-file.ts';
import { swapFile } from '../../kernel/swap-file.ts';

const noteOf = (path: string): string => `${path}.rendered`;

export function noteRendered(path: string, renderings: readonly string[]): void {
  writeWhole(noteOf(path), JSON.stringify(renderings));
}

export function forgetRendered(path: string): void {
  rmSync(noteOf(path), { recursive: true, force: true });
}

/** None where there is no note, and none where it cannot be made out. */
export function readRendered(path: string, log: Log): readonly string[] {
  const note = noteOf(path);
  try {
    const file = openRegularFile('/', note);
    if (file === undefined) return [];
    try {
      const value: unknown = parseJsonText(readFileSync(file.fd, 'utf8'));
      if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value as string[];
      throw new Error('it is no list of texts');
    } finally {
      closeSync(file.fd);
    }
  } catch (error) {
    log.warn(
      { file: note, error: errorMessage(error) },
      "what was last written to a file of a container cannot be read: lines that the engine wrote there may be taken for the user's; the note is made anew with the next change",
    );
    return [];
  }
}

/** For a file that only the engine writes: readers see the old or the new one. */
export function writeWhole(path: string, text: string): void {
  const next = `${path}.next`;
  try {
    writeFileSync(next, text, { mode: 0o644 });
    swapFile(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
}
