/**
 * Runs a small program to its end without forking this process; what it prints first on both outputs comes as one text.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { CappedText } from '../base/capped-text.ts';
import { FdWatch } from '../kernel/fd-watch.ts';
import { childEnd, openPipe, spawnProgram } from '../kernel/spawn.ts';

const MAX_OUTPUT_BYTES = 64 * 1024;

export interface QuickResult {
  readonly code: number;
  readonly output: string;
}

/** `started` is told the pid: a caller that bounds the wait can kill it. */
export async function runQuickly(
  file: string,
  args: readonly string[],
  started: (pid: number) => void = () => {},
): Promise<QuickResult> {
  const { readFd, writeFd } = openPipe({ nonBlockingRead: true });
  const nullFd = openSync('/dev/null', 'r');
  let pid: number;
  try {
    pid = spawnProgram({ file, args, env: environment(), fds: [nullFd, writeFd, writeFd] });
  } catch (error) {
    closeSync(readFd);
    throw error;
  } finally {
    closeSync(nullFd);
    closeSync(writeFd);
  }
  started(pid);
  const output = await readToEnd(readFd);
  return { code: await childEnd(pid), output: output.trim() };
}

/** What child programs get of the daemon's environment. */
export function environment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
}

function readToEnd(fd: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const output = new CappedText(MAX_OUTPUT_BYTES);
    const watch = new FdWatch(fd, { readable: true }, () => {
      const buffer = Buffer.allocUnsafe(16 * 1024);
      try {
        const size = readSync(fd, buffer);
        output.push(buffer.subarray(0, size));
        if (size > 0) return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return;
        watch.close();
        closeSync(fd);
        return reject(error as Error);
      }
      watch.close();
      closeSync(fd);
      resolve(output.toString());
    });
  });
}
