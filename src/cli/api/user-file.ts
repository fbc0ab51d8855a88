/**
 * Files that the command line reads whole: its configuration, and those that the user names. None is larger than a bound,
 * and none of the configuration is waited for: a FIFO without a writer would hold the command for good, and opening a
 * device acts on it.
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';

/** What the engine takes of a request is less. */
const MAX_BYTES = 16 * 1024 * 1024;
const FIRST_BYTES = 64 * 1024;

/** A file of the configuration: a regular one. @throws Error of the system, or in words that name the path */
export function readConfigFile(path: string): Buffer {
  if (!statSync(path).isFile()) throw new Error(`${path} is not a regular file`);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    // It may have been replaced since.
    if (!fstatSync(fd).isFile()) throw new Error(`${path} is not a regular file`);
    return readAll(fd, path);
  } finally {
    closeSync(fd);
  }
}

/** A file that the user named, which may be /dev/stdin or the end of a pipe: `<(..)` of a shell. @throws as above */
export function readNamedFile(path: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOCTTY);
  try {
    return readAll(fd, path);
  } finally {
    closeSync(fd);
  }
}

function readAll(fd: number, path: string): Buffer {
  let buffer = Buffer.alloc(FIRST_BYTES);
  let size = 0;
  for (;;) {
    const read = readSync(fd, buffer, size, buffer.length - size, null);
    if (read === 0) return buffer.subarray(0, size);
    size += read;
    if (size > MAX_BYTES) throw new Error(`${path} is larger than ${MAX_BYTES} bytes`);
    if (size === buffer.length) buffer = Buffer.concat([buffer, Buffer.alloc(size)]);
  }
}
