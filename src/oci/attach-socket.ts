/** The files that conmon puts into a directory for the daemon: the attach socket and the control FIFO. */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, unavailable } from '../base/errors.ts';
import { closeFd, O_DIRECTORY, O_PATH, openFd } from '../kernel/descriptors.ts';
import { isKernelError } from '../kernel/errors.ts';
import { connectSeqpacket } from '../kernel/socket.ts';

/** The bundle may be deep: a unix socket's path holds 107 bytes, a descriptor of its directory is always short. */
export function connectAttach(directory: string): number {
  const directoryFd = openFd(directory, O_PATH | O_DIRECTORY);
  try {
    return connectSeqpacket(`/proc/self/fd/${directoryFd}/attach`);
  } catch (error) {
    // The socket does not block: with the backlog full, conmon has accepted none for long.
    if (isKernelError(error, 'EAGAIN'))
      throw unavailable(
        `conmon does not accept connections to ${join(directory, 'attach')}: it is stopped or stuck`,
        error,
      );
    throw error;
  } finally {
    closeFd(directoryFd);
  }
}

/** Resizes the terminal: conmon reads '1 HEIGHT WIDTH' from its control FIFO. One that is gone: nothing to resize. */
export function writeControl(directory: string, rows: number, columns: number): void {
  let fd: number;
  try {
    fd = openSync(join(directory, 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENXIO' || errorCode(error) === 'ENOENT') return;
    throw error;
  }
  try {
    writeSync(fd, `1 ${rows} ${columns}\n`);
  } catch (error) {
    if (errorCode(error) !== 'EAGAIN') throw error;
    throw unavailable(
      `conmon does not read what the terminal's size is to be (its control pipe ${join(directory, 'ctl')} is full): it is stopped or stuck`,
    );
  } finally {
    closeSync(fd);
  }
}
