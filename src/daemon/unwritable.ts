/** A directory of the daemon's own that cannot be written to: which one, why, and what helps. */
import { randomUUID } from 'node:crypto';
import { accessSync, closeSync, constants, existsSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeBeneath, errorCode, errorMessage } from '../base/errors.ts';
import { hostReason } from '../base/host-errors.ts';
import type { Finding } from './finding.ts';

export const WAYS_OUT: Readonly<Record<string, string>> = {
  ENOSPC: 'make room there',
  EDQUOT: 'make room there or raise the quota',
  EROFS: 'mount it read-write',
  EIO: 'look into the kernel log for what is wrong with the disk',
};
/** A block more than the smallest file takes, and what a state needs besides has failed already. */
const PROBE_BYTES = 512 * 1024;
const MEGABYTE = 1_000_000;

/** By the flag that sets each. */
export type Directories = Readonly<Record<string, string>>;

function existing(directory: string): string {
  let there = directory;
  while (!existsSync(there)) there = dirname(there);
  return there;
}

/** 'EROFS', 'ENOSPC': tried, because quotas, reserved blocks and inodes are not all visible as numbers. */
export function whyUnwritable(directory: string): string | undefined {
  const path = join(existing(directory), `.causeway-probe-${randomUUID()}`);
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

/**
 * The reason that a call was refused with, followed by the directory in that state, if there is one: the reason alone
 * does not tell where to make room.
 */
export function nameUnwritable(error: unknown, directories: Directories): string {
  const message = errorMessage(error);
  const code = codeBeneath(error, Object.keys(WAYS_OUT));
  if (code === undefined) return message;
  for (const [flag, directory] of Object.entries(directories)) {
    if (whyUnwritable(directory) === code)
      return `${message}: ${directory} (${flag}) cannot be written to: ${WAYS_OUT[code]}${code === 'ENOSPC' ? ' (causeway system df and causeway system prune are for what images, containers and volumes take)' : ''}`;
  }
  return message;
}

/** For the doctor, which writes nothing. `lowMb`: what is little there. */
export function examineDirectory(flag: string, directory: string, lowMb: number): Finding {
  const subject = flag.replace(/^--/, '').replace('-', ' ');
  const orElse = `or choose another directory with ${flag}`;
  try {
    const there = existing(directory);
    accessSync(there, constants.W_OK);
    const { bavail, bsize, files, ffree } = statfsSync(there);
    const free = bavail * bsize;
    if (files > 0 && ffree === 0)
      return {
        level: 'fail',
        subject,
        text: `no inode is free at ${directory}`,
        advice: `remove files there, ${orElse}`,
      };
    if (free < PROBE_BYTES)
      return { level: 'fail', subject, text: `${directory} is full`, advice: `make room there, ${orElse}` };
    const text = `${Math.floor(free / MEGABYTE)} MB free at ${directory}`;
    return free < lowMb * MEGABYTE
      ? { level: 'warn', subject, text, advice: `make room there, ${orElse}` }
      : { level: 'ok', subject, text };
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (code === 'EACCES')
      return {
        level: 'note',
        subject,
        text: `whether ${directory} can be written to is not known`,
        advice: 'run as root: sudo causeway doctor',
      };
    return {
      level: 'fail',
      subject,
      text: `${directory} cannot be written to: ${hostReason(code)}`,
      advice: `${WAYS_OUT[code] ?? 'make it a directory'}, ${orElse}`,
    };
  }
}
