import { pino } from 'pino';

/** Structured logging; one line of JSON an event on standard error. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(bindings: object): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export function createLog(level: LogLevel, fd = 2): Log {
  return pino(
    { level, base: undefined, timestamp: () => `,"time":"${new Date().toISOString()}"`, errorKey: 'error' },
    pino.destination({ dest: fd, sync: true }),
  );
}

/** For tests and tools that log nothing. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};
