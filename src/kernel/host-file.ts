/** Small files of the host whose paths a user gives: a certificate, a configuration. Nothing of them is waited for. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { invalid } from '../base/errors.ts';

const MAX_PEM_BYTES = 1024 * 1024;

/** An open file from where it stands, and one byte more than `maxBytes` of a longer one, by which the caller knows it. */
export function readUpTo(fd: number, maxBytes: number): Buffer {
  const stats = fstatSync(fd);
  const buffer = Buffer.alloc((stats.isFile() ? Math.min(stats.size, maxBytes) : maxBytes) + 1);
  let size = 0;
  for (let read = -1; read !== 0 && size < buffer.length; size += read)
    read = readSync(fd, buffer, size, buffer.length - size, null);
  return buffer.subarray(0, size);
}

/**
 * A certificate, a key, or a bundle of authorities: the whole file, which may be another process's to change. A FIFO
 * without a writer would hold the thread that opens it, and a device may have no end: only regular files are read.
 * @throws invalid with the path, or what the system says
 */
export function readPemFile(path: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    if (!fstatSync(fd).isFile()) throw invalid(`${path} is no regular file`);
    const content = readUpTo(fd, MAX_PEM_BYTES);
    if (content.length > MAX_PEM_BYTES) throw invalid(`${path} is larger than ${MAX_PEM_BYTES} bytes`);
    return content;
  } finally {
    closeSync(fd);
  }
}
