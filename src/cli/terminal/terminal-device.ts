/**
 * Whether a standard stream is a terminal, and that terminal. Node's own module for it comes with its streams and
 * sockets, a tenth of the time that a short command takes: it is loaded where there may be a terminal.
 */
import { fstatSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { WriteStream } from 'node:tty';

type StandardStream = 0 | 1 | 2;

/** For Node's own modules, which are found from anywhere. */
const load = createRequire('/');
const tty = () => load('node:tty') as typeof import('node:tty');

const known = new Map<StandardStream, boolean>();

/** Asked once of each stream: they stay what they are. */
export function isTerminal(fd: StandardStream): boolean {
  let is = known.get(fd);
  if (is === undefined) known.set(fd, (is = isCharacterDevice(fd) && tty().isatty(fd)));
  return is;
}

/** Of a terminal only. */
export const openTerminal = (fd: StandardStream): WriteStream => new (tty().WriteStream)(fd);

function isCharacterDevice(fd: StandardStream): boolean {
  try {
    return fstatSync(fd).isCharacterDevice();
  } catch {
    return false; // closed
  }
}
