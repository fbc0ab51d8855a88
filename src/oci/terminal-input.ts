/**
 * conmon writes what a client types to the terminal and waits while the terminal is full: where the process does not
 * read, conmon then takes none of its output either, and the two wait for each other for ever. It copes with a terminal
 * that does not make it wait (it keeps the rest, and reads no more from the client until there is room), as it makes
 * pipes itself. Whether a terminal waits is kept with what is open, so that it can be set from here.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../base/errors.ts';
import { closeFd, setNonBlocking } from '../kernel/descriptors.ts';
import { copyForeignDescriptors } from '../kernel/foreign-descriptor.ts';
import { unlessEnded } from '../kernel/process.ts';

/**
 * A conmon that has ended, or without a terminal: nothing happens. Nor where the kernel does not allow it (before 5.6,
 * or with tracing forbidden): only a process that does not read what is typed is then worse off.
 */
export function neverWaitForTerminal(conmonPid: number): void {
  const directory = join('/proc', String(conmonPid), 'fd');
  try {
    const terminals = readdirSync(directory).filter((fd) => isTerminal(join(directory, fd)));
    const copies = copyForeignDescriptors(conmonPid, terminals.map(Number));
    try {
      copies.forEach(setNonBlocking);
    } finally {
      copies.forEach(closeFd);
    }
  } catch (error) {
    if (errorCode(error) === undefined) throw error; // no error of a system call
  }
}

/** The side of a pseudo-terminal that programs write to which play the user. */
function isTerminal(link: string): boolean {
  const target = unlessEnded(() => readlinkSync(link)); // it may be closed meanwhile
  return target !== undefined && target.endsWith('/ptmx');
}
