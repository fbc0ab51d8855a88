/**
 * The types of flag values: what --help calls them, their zero, and how a word becomes a value. `set` gets what the
 * flag held before (undefined the first time) and throws with the reason, in Go's and Docker's words.
 */
import { parseDurationNs } from '../format/duration.ts';
import { readGoBoolean } from '../../base/go-boolean.ts';
import { parseRamBytes } from '../format/size.ts';

export interface FlagType {
  /** Shown behind the flag by --help; empty for booleans. */
  readonly label: string;
  readonly zero: unknown;
  /** `--rm` alone means true. */
  readonly noArgument?: boolean;
  /** How --help shows an unset value, where that is not empty: "[]" or "map[]". */
  readonly zeroShown?: string;
  /** Values are shown in quotes by --help. */
  readonly quoted?: boolean;
  set(raw: string, before: unknown, check: ((value: string) => string) | undefined): unknown;
}

export function parseGoBool(raw: string): boolean {
  const read = readGoBoolean(raw);
  if (read !== undefined) return read;
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(raw)}: invalid syntax`);
}

/** Go's ParseInt with base 0: decimal, 0x, 0o, 0b. Exact up to 2^53, which is enough for every flag. */
export function parseGoInteger(raw: string, options: { signed: boolean; bits: number }): number {
  const call = options.signed ? 'strconv.ParseInt' : 'strconv.ParseUint';
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|[1-9][0-9]*|0)$/.exec(raw);
  if (!match || (!options.signed && match[1] !== '')) {
    throw new Error(`${call}: parsing ${JSON.stringify(raw)}: invalid syntax`);
  }
  const digits = match[2] ?? '0';
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits) * (match[1] === '-' ? -1n : 1n);
  const top = 1n << BigInt(options.bits - (options.signed ? 1 : 0));
  if (value >= top || value < (options.signed ? -top : 0n)) {
    throw new Error(`${call}: parsing ${JSON.stringify(raw)}: value out of range`);
  }
  return Number(value);
}

export const bool: FlagType = { label: '', zero: false, noArgument: true, set: (raw) => parseGoBool(raw) };

export const string: FlagType = {
  label: 'string',
  zero: '',
  quoted: true,
  set: (raw, _before, check) => check?.(raw) ?? raw,
};

const integer = (label: string, signed: boolean, bits: number): FlagType => ({
  label,
  zero: 0,
  set: (raw) => parseGoInteger(raw, { signed, bits }),
});

export const int = integer('int', true, 64);
export const uint = integer('uint', false, 64);
export const uint16 = integer('uint16', false, 16);

/** Nanoseconds. */
export const duration: FlagType = { label: 'duration', zero: 0, set: (raw) => parseDurationNs(raw) };

/** 128m, 2g. */
export const bytes: FlagType = { label: 'bytes', zero: 0, set: (raw) => parseRamBytes(raw) };

/** As bytes, and -1 for no limit. */
export const bytesOrUnlimited: FlagType = {
  label: 'bytes',
  zero: 0,
  set: (raw) => (raw === '-1' ? -1 : parseRamBytes(raw)),
};

/** A fraction of CPUs, held in billionths. */
export const cpus: FlagType = {
  label: 'decimal',
  zero: 0,
  set: (raw) => {
    const match = /^[+]?(\d+\.?\d*|\.\d+)(?:\/(\d+))?$/.exec(raw);
    const divisor = Number(match?.[2] ?? 1);
    if (!match || divisor === 0) throw new Error(`failed to parse ${raw} as a rational number`);
    const [whole = '', fraction = ''] = (match[1] ?? '').split('.');
    const scaled = BigInt(`${whole}${fraction.padEnd(9, '0')}` || '0');
    const extra = 10n ** BigInt(Math.max(0, fraction.length - 9)) * BigInt(divisor);
    if (scaled % extra !== 0n) throw new Error('value is too precise');
    return Number(scaled / extra);
  },
};

const appended = (raw: string, before: unknown, check: ((value: string) => string) | undefined) => [
  ...((before as string[] | undefined) ?? []),
  check ? check(raw) : raw,
];

export const list: FlagType = { label: 'list', zero: [], set: appended };
export const texts: FlagType = { label: 'stringArray', zero: [], set: appended };

/** A list whose words may hold several, separated by commas. */
export const strings: FlagType = {
  label: 'strings',
  zero: [],
  set: (raw, before) => [...((before as string[] | undefined) ?? []), ...(raw === '' ? [] : raw.split(','))],
};

export const map: FlagType = {
  label: 'map',
  zero: {},
  zeroShown: 'map[]',
  set: (raw, before, check) => {
    const word = check ? check(raw) : raw;
    const equals = word.indexOf('=');
    const key = equals < 0 ? word : word.slice(0, equals);
    return { ...(before as object | undefined), [key]: equals < 0 ? '' : word.slice(equals + 1) };
  },
};

export const filter: FlagType = {
  label: 'filter',
  zero: {},
  set: (raw, before) => {
    const filters = { ...(before as Record<string, Record<string, boolean>> | undefined) };
    if (raw === '') return filters;
    const equals = raw.indexOf('=');
    if (equals < 0) throw new Error('bad format of filter (expected name=value)');
    const name = raw.slice(0, equals).trim().toLowerCase();
    filters[name] = { ...filters[name], [raw.slice(equals + 1).trim()]: true };
    return filters;
  },
};
