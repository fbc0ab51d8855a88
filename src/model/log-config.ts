/**
 * Log drivers and their options. The words are Docker's; those about values are what it refuses a start with, and here
 * they come when the container is made.
 */
import { invalid, type CausewayError } from '../base/errors.ts';
import { readGoBoolean } from '../base/go-boolean.ts';
import { parseSyslogOptions, SYSLOG_OPTIONS } from './syslog-options.ts';

type LogOptions = Readonly<Record<string, string>>;

const ATTRIBUTES = ['labels', 'labels-regex', 'env', 'env-regex', 'tag'];
const FILES = ['max-size', 'max-file', 'compress'];

/** Driver -> its own options. */
export const LOG_DRIVERS: Readonly<Record<string, readonly string[]>> = {
  'json-file': [...FILES, ...ATTRIBUTES],
  local: FILES,
  journald: ATTRIBUTES,
  syslog: [...ATTRIBUTES, ...SYSLOG_OPTIONS],
  none: [],
};

/** What any driver takes. */
const CACHE = 'cache-';
const COMMON = ['mode', 'max-buffer-size', `${CACHE}disabled`, ...FILES.map((name) => CACHE + name)];

/** How large the files of a log may become. */
export interface LogLimits {
  /** Infinity: without end. Looked at before a line is written: a file is at most one line longer. */
  readonly maxBytes: number;
  /** The one that is written and the full ones together. */
  readonly maxFiles: number;
  readonly compress: boolean;
}

/** Docker's, where max-buffer-size does not say. */
const RING_BYTES = 1_000_000;
const LOCAL_LIMITS: LogLimits = { maxBytes: 20 * 1024 ** 2, maxFiles: 5, compress: true };
const ENDLESS: LogLimits = { maxBytes: Infinity, maxFiles: 1, compress: false };

/** @throws invalid for what no container can be made with */
export function checkLogConfig(driver: string, options: LogOptions): void {
  if (driver === 'none') return;
  const mode = options['mode'] ?? '';
  if (!['', 'blocking', 'non-blocking'].includes(mode)) throw invalid(`logger: logging mode not supported: ${mode}`);
  const buffer = options['max-buffer-size'];
  if (buffer !== undefined) {
    if (mode !== 'non-blocking')
      throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    if (parseSize(buffer, 1024) === undefined)
      throw invalid(`error parsing option max-buffer-size: invalid size: '${buffer}'`);
  }
  const known = Object.hasOwn(LOG_DRIVERS, driver) ? LOG_DRIVERS[driver] : undefined;
  if (known === undefined) throw invalid(`logger: no log driver named '${driver}' is registered`);
  const [unknown] = unknownLogOptions(driver, options);
  if (unknown !== undefined) throw invalid(unknown.problem);
  cacheDisabled(options);
  logLimits(driver, options);
  if (driver === 'syslog') parseSyslogOptions(options);
}

/** How much waits in memory for a log server, mode=non-blocking; undefined: it is waited for. */
export function ringBytes(options: LogOptions): number | undefined {
  if (options['mode'] !== 'non-blocking') return undefined;
  return parseSize(options['max-buffer-size'] ?? '', 1024) ?? RING_BYTES;
}

/** Names of options that the driver does not have, and how Docker says so. */
export function unknownLogOptions(driver: string, options: LogOptions): { name: string; problem: string }[] {
  const known = [...COMMON, ...(LOG_DRIVERS[driver] ?? [])];
  const whose = driver === 'local' ? 'log driver local' : `${driver} log driver`;
  return Object.keys(options)
    .filter((name) => !known.includes(name))
    .map((name) => ({ name, problem: `unknown log opt '${name}' for ${whose}` }));
}

/** @throws invalid */
export function logLimits(driver: string, options: LogOptions): LogLimits {
  if (driver === 'json-file') return jsonFileLimits(options);
  return localLimits(driver === 'local' || driver === 'k8s-file' ? options : cacheOptions(options));
}

/** Drivers that keep no file of their own: `logs` reads a copy, unless there is to be none. */
export function cacheDisabled(options: LogOptions): boolean {
  const text = options[`${CACHE}disabled`] ?? '';
  const value = text === '' ? false : readGoBoolean(text);
  if (value === undefined) throw invalid(`invalid value for option ${CACHE}disabled: ${text}`);
  return value;
}

const cacheOptions = (options: LogOptions): LogOptions =>
  Object.fromEntries(
    Object.entries(options)
      .filter(([name]) => name.startsWith(CACHE))
      .map(([name, value]) => [name.slice(CACHE.length), value]),
  );

function jsonFileLimits(options: LogOptions): LogLimits {
  const size = options['max-size'];
  const maxBytes = size === undefined || size === '' ? undefined : parseSize(size, 1000);
  if (size !== undefined && size !== '') {
    if (maxBytes === undefined) throw refused(`invalid size: '${size}'`);
    if (maxBytes < 1 || maxBytes >= 2 ** 63) throw refused('max-size must be a positive number');
  }
  const maxFiles = wholeNumber(options['max-file']) ?? ENDLESS.maxFiles;
  if (maxFiles < 1) throw refused('max-file cannot be less than 1');
  const compress = goBoolean(options['compress']) ?? ENDLESS.compress;
  if (compress && (maxFiles === 1 || maxBytes === undefined))
    throw refused('compress cannot be true when max-file is less than 2 or max-size is not set');
  return { maxBytes: maxBytes ?? Infinity, maxFiles, compress };
}

function localLimits(options: LogOptions): LogLimits {
  const size = options['max-size'] ?? '';
  const maxBytes = size === '' ? LOCAL_LIMITS.maxBytes : parseSize(size, 1000);
  if (maxBytes === undefined) throw refused(`invalid value for max-size: ${size}: invalid size: '${size}'`);
  const maxFiles = wholeNumber(options['max-file']) ?? LOCAL_LIMITS.maxFiles;
  if (maxFiles < 0) throw refused('max file count cannot be less than 0');
  const compress = goBoolean(options['compress']) ?? LOCAL_LIMITS.compress;
  if (compress && maxFiles <= 1) throw refused('compression cannot be enabled when max file count is 1');
  return { maxBytes: Math.max(1, maxBytes), maxFiles: Math.max(1, maxFiles), compress };
}

/** Bytes of '10m', '1.5kb'; undefined for what is no size. `scale`: 1000 or 1024. */
function parseSize(text: string, scale: 1000 | 1024): number | undefined {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text) ?? [];
  if (amount === undefined) return undefined;
  return Math.floor(Number(amount) * scale ** ' kmgtp'.indexOf(unit.toLowerCase() || ' '));
}

function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^[-+]?\d{1,18}$/.test(text)) throw refused(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

function goBoolean(text: string | undefined): boolean | undefined {
  if (text === undefined || text === '') return undefined;
  const value = readGoBoolean(text);
  if (value !== undefined) return value;
  throw refused(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** What Docker refuses a start with. */
export function refused(reason: string): CausewayError {
  return invalid(`failed to initialize logging driver: ${reason}`);
}
