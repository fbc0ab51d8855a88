/** Why a daemon could not start where a directory of its own cannot be written to: which one, why, and how to go on. */
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, openSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode, errorMessage, systemError } from '../base/errors.ts';
import { hostReason } from '../base/host-errors.ts';

const WAYS_OUT: Readonly<Record<string, string>> = {
  ENOSPC: 'make room there',
  EDQUOT: 'make room there or raise the quota',
  EROFS: 'mount it read-write',
  EIO: 'look into the kernel log for what is wrong with the disk',
};
/** A block more than the smallest file takes, and what a state needs beside it has failed already. */
const PROBE_BYTES = 512 * 1024;

/** The error, and in front of it what is wrong with the directory if that can be the cause. `directories`: by the flag that sets each. */
export function withWayOut(error: unknown, directories: Readonly<Record<string, string>>): unknown {
  const message = errorMessage(error);
  for (const [flag, directory] of Object.entries(directories)) {
    const code = message.includes(`${directory}/`) ? Object.keys(WAYS_OUT).find((one) => message.includes(hostReason(one))) : whyUnwritable(directory);
    if (code === undefined || !Object.hasOwn(WAYS_OUT, code) || !message.includes(hostReason(code))) continue;
    return systemError(`failed to start daemon: ${directory} cannot be written to (${message}): ${WAYS_OUT[code]} and start the daemon again, or choose another directory with ${flag}`, error);
  }
  return error;
}

/** 'EROFS', 'ENOSPC': tried, because quotas, reserved blocks and inodes are not all told by numbers. */
function whyUnwritable(directory: string): string | undefined {
  let there = directory;
  while (!existsSync(there)) there = dirname(there);
  const path = join(there, `.causeway-probe-${randomUUID()}`);
  try {
    const fd = openSync(path, 'wx', 0o600);
    try {
      const bytes = Buffer.alloc(PROBE_BYTES);
      if (writeSync(fd, bytes) < bytes.length) return 'ENOSPC';
    } finally {
      closeSync(fd);
      rmSync(path, { force: true });
    }
    return undefined;
  } catch (error) {
    return errorCode(error);
  }
}
