/** One line of JSON for each event on a descriptor. The process is kept small, so the daemon's logger is not loaded here. */
import { writeSync } from 'node:fs';

export interface LineLog {
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
}

export function createLineLog(fd: number): LineLog {
  const write = (level: string, message: string, fields: object | undefined) => {
    try {
      writeSync(fd, `${JSON.stringify({ level, time: new Date().toISOString(), name: 'causeway-dns', ...fields, msg: message })}\n`);
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
