import { pino } from 'pino';
import { logLine } from './log-line.ts';

/** Structured logging; one line an event on standard error: JSON, or text as dockerd writes it. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(bindings: object): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50, fatal: 60 };

/** `level` may change: it counts for this log and its children from the next line on. */
export interface LogSettings {
  readonly level: LogLevel;
  readonly format?: 'json' | 'text';
}

export function createLog(settings: LogSettings, fd = 2): Log {
  const destination = pino.destination({ dest: fd, sync: true });
  const json = pino(
    { level: 'debug', base: undefined, timestamp: () => `,"time":"${new Date().toISOString()}"`, errorKey: 'error' },
    destination,
  );
  const log = settings.format === 'text' ? textLog((line) => destination.write(line), {}) : json;
  return filtered(log, settings);
}

function filtered(log: Log, settings: LogSettings): Log {
  const say = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: object, message: string) => {
    if (LEVELS[level] >= LEVELS[settings.level]) log[level](fields, message);
  };
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: (bindings) => filtered(log.child(bindings), settings),
  };
}

function textLog(write: (line: string) => void, bindings: object): Log {
  const say = (level: string) => (fields: object, message: string) =>
    write(logLine(new Date(), level, message, { ...bindings, ...fields }));
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warning'),
    error: say('error'),
    child: (more) => textLog(write, { ...bindings, ...more }),
  };
}

/** For tests and tools that log nothing. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};
