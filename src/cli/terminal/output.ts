/**
 * Writing to the standard streams: whole, in order, done when it returns, so that leaving the process loses nothing.
 */
import { writeSync } from 'node:fs';

const pause = new Int32Array(new SharedArrayBuffer(4));

export function writeAll(fd: 1 | 2, data: string | Uint8Array): void {
  let rest = typeof data === 'string' ? Buffer.from(data) : data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      // Another process that shares the pipe made it non-blocking: wait for the reader.
      if (code === 'EAGAIN') Atomics.wait(pause, 0, 0, 2);
      // The reader is gone. Node ignores SIGPIPE, so end as a program that does not would.
      else if (code === 'EPIPE') process.exit(141);
      else throw error;
    }
  }
}

export function print(text: string): void {
  writeAll(1, text);
}

export function printLine(text: string): void {
  writeAll(1, `${text}\n`);
}

export function complain(text: string): void {
  writeAll(2, `${text}\n`);
}
