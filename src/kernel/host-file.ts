/** Small files of the host whose paths a user gives: a certificate, a configuration. Nothing of them is waited for. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { invalid } from '../base/errors.ts';

/**
 * The whole file, which may be another process's to change. A FIFO without a writer would hold the thread that opens
 * it, and a device may have no end: only regular files are read. @throws invalid with the path, or what the system says
 */
export function readHostFile(path: string, maxBytes: number): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw invalid(`${path} is no regular file`);
    const buffer = Buffer.alloc(Math.min(stats.size, maxBytes) + 1);
    let size = 0;
    for (let read = -1; read !== 0 && size < buffer.length; size += read)
      read = readSync(fd, buffer, size, buffer.length - size, null);
    if (size > maxBytes) throw invalid(`${path} is larger than ${maxBytes} bytes`);
    return buffer.subarray(0, size);
  } finally {
    closeSync(fd);
  }
}
