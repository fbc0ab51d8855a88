/**
 * One line of JSON for each event on a descriptor. The process is kept small, so the daemon's logger is not loaded
 * here.
 */
import { fstatSync, ftruncateSync, writeSync } from 'node:fs';

/** The log is in memory (/run): a query log that was forgotten must not fill it. */
const MAX_FILE_BYTES = 8 << 20;
const LOOK_EVERY_BYTES = 64 << 10;

export interface LineLog {
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
}

export function createLineLog(fd: number): LineLog {
  let unseenBytes = 0;
  const write = (level: string, message: string, fields: object | undefined) => {
    try {
      unseenBytes += writeSync(
        fd,
        `${JSON.stringify({ level, time: new Date().toISOString(), name: 'causeway-dns', ...fields, msg: message })}\n`,
      );
      if (unseenBytes < LOOK_EVERY_BYTES) return;
      unseenBytes = 0;
      const file = fstatSync(fd);
      if (file.isFile() && file.size > MAX_FILE_BYTES) ftruncateSync(fd, 0);
    } catch {
      // A full disk must not stop names from being resolved.
    }
  };
  return {
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
  };
}

export const noLog: LineLog = { info: () => {}, warn: () => {} };
