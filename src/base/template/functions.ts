/** The functions that templates may call: Go's own and Docker's. They throw with the reason alone. */
import { GoMap, GoOpaque, GoStruct, NilPointer, NO_VALUE, goJson, isPlainMap, isTrue, printValue } from './go-value.ts';
import { sprintf } from './sprintf.ts';

export type TemplateFunction = (...args: unknown[]) => unknown;

function length(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof GoMap) return value.entries.size;
  if (isPlainMap(value)) return Object.keys(value).length;
  if (value === undefined || value === null || value === NO_VALUE) throw new Error('len of untyped nil');
  if (value instanceof NilPointer) throw new Error('len of nil pointer');
  throw new Error(`len of type ${typeName(value)}`);
}

/** As Go names it in an error. */
export function typeName(value: unknown): string {
  if (value === undefined || value === null) return 'nil';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64';
  if (Array.isArray(value)) return '[]interface {}';
  if (value instanceof GoStruct || value instanceof GoOpaque || value instanceof NilPointer) return value.type;
  return 'map[string]interface {}';
}

function index(value: unknown, ...keys: unknown[]): unknown {
  let item = value;
  if (item === undefined || item === null || item === NO_VALUE) throw new Error('index of untyped nil');
  for (const key of keys) {
    if (item === null || item === undefined) throw new Error('index of nil pointer');
    if (Array.isArray(item) || typeof item === 'string') {
      if (typeof key !== 'number') throw new Error(`cannot index slice/array with type ${typeName(key)}`);
      const size = Array.isArray(item) ? item.length : Buffer.byteLength(item);
      if (key < 0 || key >= size) throw new Error(`index out of range: ${key}`);
      item = Array.isArray(item) ? (item[key] as unknown) : Buffer.from(item)[key];
    } else if (item instanceof GoMap || isPlainMap(item)) {
      const keyType = item instanceof GoMap ? item.keyType : 'string';
      if (typeof key !== 'string' || keyType !== 'string')
        throw new Error(`value has type ${typeName(key)}; should be ${keyType}`);
      item =
        item instanceof GoMap
          ? item.entries.has(key)
            ? item.entries.get(key)
            : item.zero
          : Object.hasOwn(item, key)
            ? item[key]
            : NO_VALUE;
    } else throw new Error(`can't index item of type ${typeName(item)}`);
  }
  return item;
}

function slice(value: unknown, ...bounds: unknown[]): unknown {
  if (typeof value !== 'string' && !Array.isArray(value))
    throw new Error(`can't slice item of type ${typeName(value)}`);
  const size = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
  const [from = 0, to = size] = bounds.map((bound) => {
    if (typeof bound !== 'number') throw new Error(`cannot index slice/array with type ${typeName(bound)}`);
    if (bound < 0 || bound > size) throw new Error(`index out of range: ${bound}`);
    return bound;
  });
  if (from > to) throw new Error(`invalid slice index: ${from} > ${to}`);
  return typeof value === 'string' ? Buffer.from(value).subarray(from, to).toString() : value.slice(from, to);
}

function basicKind(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') return typeof value;
  if (value === undefined || value === null || value === NO_VALUE || value instanceof NilPointer) return 'nil';
  throw new Error('non-comparable type');
}

function equal(first: unknown, ...others: unknown[]): boolean {
  if (others.length === 0) throw new Error('missing argument for comparison');
  for (const other of others) {
    const kind = basicKind(first);
    const otherKind = basicKind(other);
    if (kind !== otherKind && kind !== 'nil' && otherKind !== 'nil')
      throw new Error('incompatible types for comparison');
    if (kind === 'nil' ? otherKind === 'nil' : first === other) return true;
  }
  return false;
}

function compare(first: unknown, second: unknown): number {
  const kind = basicKind(first);
  if (kind !== basicKind(second)) throw new Error('incompatible types for comparison');
  if (kind !== 'string' && kind !== 'number') throw new Error('invalid type for comparison');
  const [a, b] = [first as string, second as string];
  return a < b ? -1 : a > b ? 1 : 0;
}

// What these get has been checked against `parameters`.
const words = (value: unknown): string[] =>
  (value as unknown[]).map((item) => (typeof item === 'string' ? item : printValue(item)));
const text = (value: unknown): string => value as string;

/** fmt.Sprint: a space between operands when neither is a string. */
function sprint(...args: unknown[]): string {
  return args
    .map(
      (arg, at) => (at > 0 && typeof arg !== 'string' && typeof args[at - 1] !== 'string' ? ' ' : '') + printValue(arg),
    )
    .join('');
}

const MAX_SPACES = 1_000_000;

function spaces(count: unknown): string {
  if (Number(count) < 0 || Number(count) > MAX_SPACES) throw new Error(`as many as ${Number(count)} spaces`);
  return ' '.repeat(Number(count));
}

const title = (value: unknown) =>
  text(value).replace(
    /(^|[^\p{L}\p{Nd}'_])(\p{Ll})/gu,
    (_, before: string, letter: string) => before + letter.toUpperCase(),
  );

/** `and`, `or` are evaluated by the engine, which stops at the first operand that decides. */
export const functions: Readonly<Record<string, TemplateFunction>> = {
  and: (...args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1),
  or: (...args) => args.find(isTrue) ?? args.at(-1),
  not: (value) => !isTrue(value),
  len: length,
  index,
  slice,
  print: sprint,
  printf: (format, ...args) => sprintf(text(format), args),
  println: (...args) => `${args.map(printValue).join(' ')}\n`,
  html: (...args) =>
    sprint(...args).replace(
      /[&<>"']/g,
      (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' })[character] ?? '',
    ),
  js: (...args) =>
    JSON.stringify(sprint(...args))
      .slice(1, -1)
      .replaceAll("'", "\\'"),
  urlquery: (...args) => encodeURIComponent(sprint(...args)).replaceAll('%20', '+'),
  eq: equal,
  ne: (first, second) => !equal(first, second),
  lt: (first, second) => compare(first, second) < 0,
  le: (first, second) => compare(first, second) <= 0,
  gt: (first, second) => compare(first, second) > 0,
  ge: (first, second) => compare(first, second) >= 0,
  json: (value) => goJson(value),
  split: (value, separator) => text(value).split(text(separator)),
  join: (value, separator) => words(value).join(text(separator)),
  title,
  lower: (value) => text(value).toLowerCase(),
  upper: (value) => text(value).toUpperCase(),
  pad: (value, before, after) => (text(value) === '' ? '' : spaces(before) + text(value) + spaces(after)),
  truncate: (value, size) => Array.from(text(value)).slice(0, Number(size)).join(''),
};

/** The types that functions insist on; Go refuses others before it calls them. */
export const parameters: Readonly<Record<string, readonly ('string' | '[]string' | 'int')[]>> = {
  printf: ['string'],
  split: ['string', 'string'],
  join: ['[]string', 'string'],
  title: ['string'],
  lower: ['string'],
  upper: ['string'],
  pad: ['string', 'int', 'int'],
  truncate: ['string', 'int'],
};

/** Why a value is not of that type, in Go's words; nothing if it is. */
export function typeComplaint(value: unknown, wanted: 'string' | '[]string' | 'int'): string | undefined {
  if (value === NO_VALUE || value === undefined || value === null) return `invalid value; expected ${wanted}`;
  const fits =
    wanted === 'int' ? Number.isInteger(value) : wanted === 'string' ? typeof value === 'string' : Array.isArray(value);
  return fits ? undefined : `wrong type for value; expected ${wanted}; got ${typeName(value)}`;
}

/** How many arguments, for functions that take a fixed number. */
export const arity: Readonly<Record<string, number>> = {
  not: 1,
  len: 1,
  ne: 2,
  lt: 2,
  le: 2,
  gt: 2,
  ge: 2,
  json: 1,
  split: 2,
  join: 2,
  title: 1,
  lower: 1,
  upper: 1,
  pad: 3,
  truncate: 2,
};
