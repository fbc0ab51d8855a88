/**
 * Writing to the standard streams: whole, in order, done when it returns, so that leaving the process loses nothing.
 *
 * Names, labels, errors and file names come from images, registries and other users. A terminal would obey the control
 * characters in them, so there they are spelled out; files and pipes get the text as it is, as from Docker. What a
 * container writes (run, logs, exec, attach) is its own and never changed.
 */
import { writeSync } from 'node:fs';
import { escapeControls, visibleText } from '../../base/control-characters.ts';
import { isTerminal } from './terminal-device.ts';

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

/** How a text of others is shown on that stream. */
export function shown(text: string, fd: 1 | 2 = 1): string {
  return isTerminal(fd) ? visibleText(text) : text;
}

/** As `shown`, for a cell of a table, which has no lines and no columns of its own. */
export const shownInCell = (text: string): string => (isTerminal(1) ? escapeControls(text) : text);

export function print(text: string): void {
  writeAll(1, shown(text));
}

/** What has control sequences of our own, or those of the user's template; everything else in it was `shown`. */
export function printShown(text: string): void {
  writeAll(1, text);
}

export function printLine(text: string): void {
  writeAll(1, shown(`${text}\n`));
}

export function complain(text: string): void {
  writeAll(2, shown(`${text}\n`, 2));
}
