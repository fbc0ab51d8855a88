/**
 * Values as templates see them. JSON's own values stand for Go's: an object is a map, an array a slice. A struct is an
 * object whose fields have an order and Go names, and which refuses names that it does not have. A method is a
 * function.
 */
export class GoStruct {
  /** *container.State, as Go would name the type in an error. */
  readonly type: string;
  /** By Go's field name, in the order of declaration. */
  readonly fields: ReadonlyMap<string, unknown>;
  /** What `json` prints. */
  readonly json: unknown;
  readonly methods: Methods;

  constructor(type: string, fields: ReadonlyMap<string, unknown>, json: unknown, methods: Methods = {}) {
    this.type = type;
    this.fields = fields;
    this.json = json;
    this.methods = methods;
  }
}

type Methods = Readonly<Record<string, (...args: string[]) => unknown>>;

/** A value that prints as a text and has methods alone: a time. */
export class GoOpaque {
  readonly type: string;
  readonly printed: string;
  /** What `json` prints. */
  readonly json: string;
  readonly methods: Methods;

  constructor(type: string, printed: string, json: string, methods: Methods) {
    this.type = type;
    this.printed = printed;
    this.json = json;
    this.methods = methods;
  }
}

/** Fields of a list's row: functions, called when they are used. */
export class MethodSet {
  readonly type: string;
  readonly methods: Methods;

  constructor(type: string, methods: Methods) {
    this.type = type;
    this.methods = methods;
  }
}

/** A map whose types are known: `index` of an absent key gives the element's zero. */
export class GoMap {
  readonly entries: ReadonlyMap<string, unknown>;
  readonly zero: unknown;
  /** "string", or a type of its own, for which Go does not take a plain string. */
  readonly keyType: string;
  readonly isNil: boolean;

  constructor(entries: ReadonlyMap<string, unknown>, zero: unknown, keyType: string, isNil: boolean) {
    this.entries = entries;
    this.zero = zero;
    this.keyType = keyType;
    this.isNil = isNil;
  }
}

/** A slice that is nil: prints as an empty one, but as null in JSON. */
export class NilSlice extends Array<unknown> {}

/** Go's nil pointer to a type; prints <nil>, and its fields cannot be had. */
export class NilPointer {
  readonly type: string;

  constructor(type: string) {
    this.type = type;
  }
}

/** The result of a missing key of a map of anything. */
export const NO_VALUE = Symbol('no value');

export type PlainMap = Readonly<Record<string, unknown>>;

export function isPlainMap(value: unknown): value is PlainMap {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof GoStruct) &&
    !(value instanceof GoMap) &&
    !(value instanceof MethodSet) &&
    !(value instanceof GoOpaque) &&
    !(value instanceof NilPointer)
  );
}

/** [key, value] of a map of either kind, sorted as Go prints and ranges over them. */
export function sortedEntries(value: GoMap | PlainMap): [string, unknown][] {
  const entries = value instanceof GoMap ? [...value.entries] : Object.entries(value);
  return entries.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Go's idea of truth: not zero, not empty. */
export function isTrue(value: unknown): boolean {
  if (value === undefined || value === null || value === NO_VALUE || value instanceof NilPointer) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof GoMap) return value.entries.size > 0;
  if (value instanceof GoStruct || value instanceof MethodSet || value instanceof GoOpaque) return true;
  if (typeof value === 'object') return Object.keys(value).length > 0;
  return value !== false && value !== 0 && value !== 0n && value !== '';
}

/** %v: how Go prints a value. */
export function printValue(value: unknown): string {
  if (value === NO_VALUE) return '<no value>';
  if (value === undefined || value === null || value instanceof NilPointer) return '<nil>';
  if (typeof value === 'number') return printNumber(value);
  if (Array.isArray(value)) return `[${value.map(printValue).join(' ')}]`;
  if (value instanceof GoStruct) return `{${[...value.fields.values()].map(printValue).join(' ')}}`;
  if (value instanceof MethodSet) return `{${value.type}}`;
  if (value instanceof GoOpaque) return value.printed;
  if (typeof value === 'object') {
    return `map[${sortedEntries(value as PlainMap)
      .map(([key, item]) => `${key}:${printValue(item)}`)
      .join(' ')}]`;
  }
  return String(value as string | boolean | bigint | symbol);
}

function printNumber(value: number): string {
  if (Number.isInteger(value))
    return Math.abs(value) >= 1e21 ? value.toExponential().replace(/e\+?(-?)(\d)$/, 'e+$1$2') : String(value);
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2');
}

/** Go's encoding/json: keys of maps sorted. Rows of lists have <, > and & escaped, other values have not. */
export function goJson(value: unknown): string {
  return encode(value);
}

function escapeHtml(json: string): string {
  return json
    .replaceAll('<', '\\u003c')
    .replaceAll('>', '\\u003e')
    .replaceAll('&', '\\u0026')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}

function encode(value: unknown): string {
  if (
    value === undefined ||
    value === null ||
    value === NO_VALUE ||
    value instanceof NilPointer ||
    value instanceof NilSlice
  )
    return 'null';
  if (value instanceof GoMap && value.isNil) return 'null';
  if (Array.isArray(value)) return `[${value.map(encode).join(',')}]`;
  // A struct keeps the daemon's order of fields, which is Go's.
  if (value instanceof GoStruct)
    return encodeObject([...value.fields].flatMap(([name, item]) => jsonField(value, name, item)));
  if (value instanceof GoOpaque) return JSON.stringify(value.json);
  if (value instanceof MethodSet) return escapeHtml(encode(methodResults(value)));
  if (typeof value === 'object') return encodeObject(sortedEntries(value as PlainMap));
  if (typeof value === 'bigint') return String(value);
  return JSON.stringify(value);
}

/** Fields absent from the daemon's answer are absent here as well. */
function jsonField(struct: GoStruct, name: string, item: unknown): [string, unknown][] {
  const raw = (struct.json ?? {}) as Record<string, unknown>;
  const key =
    Object.keys(raw).find((candidate) => candidate === name) ??
    Object.keys(raw).find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  return key === undefined ? [] : [[key, item]];
}

const encodeObject = (entries: [string, unknown][]) =>
  `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${encode(item)}`).join(',')}}`;

/** `json .` of a list's row: every method without parameters. */
function methodResults(row: MethodSet): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row.methods)
      .filter(([, method]) => method.length === 0)
      .map(([name, method]) => [name, method()]),
  );
}
