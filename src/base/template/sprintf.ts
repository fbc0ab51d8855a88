/** Go's fmt verbs, as far as templates use them. */
import { GoStruct, goJson, isPlainMap, printValue } from './go-value.ts';

const MAX_WIDTH = 1_000_000;
const VERB = /%([-+# 0]*)(\d+)?(?:\.(\d+))?([%a-zA-Z])/g;

export function sprintf(format: string, args: readonly unknown[]): string {
  let next = 0;
  const out = format.replace(
    VERB,
    (_, flags: string, width: string | undefined, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%';
      if (next >= args.length) return `%!${verb}(MISSING)`;
      if (Number(width ?? 0) > MAX_WIDTH) return '%!(NOVERB)'; // Go's own limit
      const text = formatOne(verb, args[next++], flags, precision === undefined ? undefined : Number(precision));
      const size = Number(width ?? 0);
      if (flags.includes('-')) return text.padEnd(size);
      if (flags.includes('0') && /^[-+]?\d/.test(text))
        return text.replace(
          /^([-+]?)(.*)$/,
          (__, sign: string, digits: string) => sign + digits.padStart(size - sign.length, '0'),
        );
      return text.padStart(size);
    },
  );
  if (next >= args.length) return out;
  return `${out}%!(EXTRA ${args
    .slice(next)
    .map((arg) => `${typeof arg === 'number' ? 'int' : typeof arg}=${printValue(arg)}`)
    .join(', ')})`;
}

const wrong = (verb: string, value: unknown) =>
  `%!${verb}(${typeof value === 'number' ? 'int' : typeof value === 'boolean' ? 'bool' : 'string'}=${printValue(value)})`;

function formatOne(verb: string, value: unknown, flags: string, precision: number | undefined): string {
  const cutTo = (text: string) => (precision === undefined ? text : Array.from(text).slice(0, precision).join(''));
  switch (verb) {
    case 'v':
      if (flags.includes('#')) return goJson(value);
      return flags.includes('+') && value instanceof GoStruct
        ? `{${[...value.fields].map(([name, item]) => `${name}:${printValue(item)}`).join(' ')}}`
        : printValue(value);
    case 's':
      if (typeof value === 'string') return cutTo(value);
      if (typeof value === 'number' || typeof value === 'boolean') return wrong(verb, value);
      return printValue(value);
    case 'q':
      if (typeof value === 'string') return JSON.stringify(cutTo(value));
      if (Array.isArray(value)) return `[${value.map((item) => formatOne('q', item, flags, precision)).join(' ')}]`;
      if (isPlainMap(value))
        return `map[${Object.entries(value)
          .map(([key, item]) => `${JSON.stringify(key)}:${formatOne('q', item, flags, precision)}`)
          .join(' ')}]`;
      return wrong(verb, value);
    case 'd':
      if (typeof value === 'number' && Number.isInteger(value))
        return `${flags.includes('+') && value >= 0 ? '+' : ''}${value}`;
      if (Array.isArray(value)) return `[${value.map((item) => formatOne('d', item, flags, precision)).join(' ')}]`;
      return wrong(verb, value);
    case 't':
      return typeof value === 'boolean' ? String(value) : wrong(verb, value);
    case 'x':
    case 'X': {
      const hex =
        typeof value === 'number'
          ? value.toString(16)
          : typeof value === 'string'
            ? Buffer.from(value).toString('hex')
            : wrong(verb, value);
      return verb === 'X' ? hex.toUpperCase() : hex;
    }
    case 'o':
      return typeof value === 'number' ? value.toString(8) : wrong(verb, value);
    case 'b':
      return typeof value === 'number' ? value.toString(2) : wrong(verb, value);
    case 'c':
      return typeof value === 'number' ? String.fromCodePoint(value) : wrong(verb, value);
    case 'U':
      return typeof value === 'number' ? `U+${value.toString(16).toUpperCase().padStart(4, '0')}` : wrong(verb, value);
    case 'e':
      return typeof value === 'number'
        ? value.toExponential(precision ?? 6).replace(/e([+-])(\d)$/, 'e$10$2')
        : wrong(verb, value);
    case 'f':
    case 'F':
      return typeof value === 'number' ? value.toFixed(precision ?? 6) : wrong(verb, value);
    case 'g':
      return typeof value === 'number'
        ? printValue(precision === undefined ? value : Number(value.toPrecision(precision)))
        : wrong(verb, value);
    case 'T':
      return typeof value === 'number' ? 'int' : typeof value === 'boolean' ? 'bool' : typeof value;
    default:
      return wrong(verb, value);
  }
}
