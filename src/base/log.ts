import { pino } from 'pino';
import { logLine, type LineLevel } from './log-line.ts';
import { logSentence } from './log-sentence.ts';

/** Structured logging; one line an event on standard error: JSON, text as dockerd writes it, or sentences for a person. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(bindings: object): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export type LogFormat = 'json' | 'text' | 'sentences' | 'coloured sentences';

const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50, fatal: 60 };

/** `level` may change: it counts for this log and its children from the next line on. */
export interface LogSettings {
  readonly level: LogLevel;
  readonly format?: LogFormat;
}

export function createLog(settings: LogSettings, fd = 2): Log {
  const destination = pino.destination({ dest: fd, sync: true });
  const json = pino(
    { level: 'debug', base: undefined, timestamp: () => `,"time":"${new Date().toISOString()}"`, errorKey: 'error' },
    destination,
  );
  const write = (line: string): unknown => destination.write(line);
  const log =
    settings.format === undefined || settings.format === 'json' ? json : lineLog(write, {}, lineOf(settings.format));
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

type Line = (time: Date, level: LineLevel, message: string, fields: object) => string;

const lineOf = (format: Exclude<LogFormat, 'json'>): Line =>
  format === 'text' ? logLine : (...said) => logSentence(...said, { coloured: format === 'coloured sentences' });

function lineLog(write: (line: string) => unknown, bindings: object, line: Line): Log {
  const say = (level: LineLevel) => (fields: object, message: string) =>
    void write(line(new Date(), level, message, { ...bindings, ...fields }));
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warning'),
    error: say('error'),
    child: (more) => lineLog(write, { ...bindings, ...more }, line),
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
