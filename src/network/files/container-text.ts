/** The current content of a container's file. The container can write any amount to it, and hold a lease on it. */
import { closeSync, readSync } from 'node:fs';
import { errorCode } from '../../base/errors.ts';
import { openRegularFile, type RegularFile } from '../../kernel/regular-file.ts';

/** A list of 100,000 blocked names comes to this; merging it takes some 20 ms. */
export const MAX_TEXT_BYTES = 4 * 1024 * 1024;
export const MAX_TEXT_LINES = 100_000;

/**
 * `held`: a process of the container's has a lease on it, which the kernel breaks in its own time. Nothing there is an
 * empty text.
 */
export type ContainerText = { readonly text: string } | { readonly unread: 'long' | 'held' };

export function readContainerText(path: string): ContainerText {
  let file: RegularFile | undefined;
  try {
    file = openRegularFile('/', path);
  } catch (error) {
    if (isHeld(error)) return { unread: 'held' };
    throw error;
  }
  if (file === undefined) return { text: '' };
  try {
    const { size } = file.stats;
    if (size > MAX_TEXT_BYTES) return { unread: 'long' };
    const bytes = Buffer.allocUnsafe(size);
    const read = readSync(file.fd, bytes, 0, size, 0);
    return hasMoreLines(bytes.subarray(0, read), MAX_TEXT_LINES)
      ? { unread: 'long' }
      : { text: bytes.toString('utf8', 0, read) };
  } finally {
    closeSync(file.fd);
  }
}

/** Opened with O_NONBLOCK, where it would have to be waited for. */
export const isHeld = (error: unknown): boolean => errorCode(error) === 'EAGAIN';

function hasMoreLines(bytes: Buffer, limit: number): boolean {
  let lines = 0;
  for (const byte of bytes) if (byte === 10 && ++lines > limit) return true;
  return false;
}
