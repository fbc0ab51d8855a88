/**
 * What a record that comes from a disk has to look like. A shape says what is wrong with a value ('state.pid: not a
 * whole number'), or nothing; fields that it does not name are let be. Written for every field of a type: the compiler
 * sees to it.
 */
import { ipVersion, parseSubnet } from './addresses.ts';
import { tryParsePort } from './port.ts';

/** What is wrong, and the path of keys to it. */
interface Complaint {
  readonly path: readonly string[];
  readonly what: string;
}

export interface Shape<T> {
  (value: unknown): string | undefined;
  readonly find: (value: unknown) => Complaint | undefined;
  /** Only for the compiler. */
  readonly of?: (value: T) => T;
}

function shape<T>(find: (value: unknown) => Complaint | undefined): Shape<T> {
  const says = (value: unknown): string | undefined => {
    const found = find(value);
    return found && (found.path.length === 0 ? found.what : `${found.path.join('.')}: ${found.what}`);
  };
  return Object.assign(says, { find });
}

function leaf<T>(says: (value: unknown) => string | undefined): Shape<T> {
  return shape((value) => wrong(says(value)));
}

const wrong = (what: string | undefined): Complaint | undefined =>
  what === undefined ? undefined : { path: [], what };

const at = (key: string | number, { path, what }: Complaint): Complaint => ({ path: [String(key), ...path], what });

function where(matches: (value: string) => boolean, what: string): Shape<string> {
  return leaf((value) => (typeof value === 'string' && matches(value) ? undefined : `not ${what}`));
}

export const text: Shape<string> = where(() => true, 'a text');
export const flag: Shape<boolean> = leaf((value) => (typeof value === 'boolean' ? undefined : 'not true or false'));
export const number: Shape<number> = leaf((value) =>
  typeof value === 'number' && Number.isFinite(value) ? undefined : 'not a number',
);
export const whole: Shape<number> = leaf((value) => (Number.isInteger(value) ? undefined : 'not a whole number'));
export const portNumber: Shape<number> = leaf((value) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65535 ? undefined : 'not a port',
);
export const time: Shape<string> = where((value) => !Number.isNaN(Date.parse(value)), 'a time');
/** '' where there is none. */
export const address: Shape<string> = where((value) => value === '' || ipVersion(value) !== 0, 'an IP address');
export const subnet: Shape<string> = where((value) => value === '' || parseSubnet(value) !== undefined, 'a subnet');
export const portText: Shape<string> = where((value) => tryParsePort(value) !== undefined, 'a port');

export function matching(pattern: RegExp, what: string): Shape<string> {
  return where((value) => pattern.test(value), what);
}

export function oneOf<const T extends string>(...values: readonly T[]): Shape<T> {
  const known: ReadonlySet<unknown> = new Set(values);
  return leaf((value) =>
    known.has(value)
      ? undefined
      : `${typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : 'not a text'}: none of ${values.join(', ')}`,
  );
}

export function nullable<T>(inner: Shape<T>): Shape<T | null> {
  return shape((value) => (value === null ? undefined : inner.find(value)));
}

export function optional<T>(inner: Shape<T>): Shape<T | undefined> {
  return shape((value) => (value === undefined ? undefined : inner.find(value)));
}

export function list<T>(inner: Shape<T>): Shape<readonly T[]> {
  return shape((value) => {
    if (!Array.isArray(value)) return wrong('not a list');
    for (let i = 0; i < value.length; i++) {
      const complaint = inner.find(value[i]);
      if (complaint !== undefined) return at(i, complaint);
    }
    return undefined;
  });
}

export function pair<T>(inner: Shape<T>): Shape<readonly [T, T]> {
  const both = list(inner);
  return shape((value) => both.find(value) ?? wrong((value as unknown[]).length === 2 ? undefined : 'not a pair'));
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function map<T>(inner: Shape<T>, key: Shape<string> = text): Shape<Readonly<Record<string, T>>> {
  return shape((value) => {
    if (!isObject(value)) return wrong('not an object');
    for (const name of Object.keys(value)) {
      const complaint = key.find(name) ?? inner.find(value[name]);
      if (complaint !== undefined) return at(JSON.stringify(name.slice(0, 40)), complaint);
    }
    return undefined;
  });
}

export function object<T extends object>(fields: { readonly [K in keyof T]-?: Shape<T[K]> }): Shape<T> {
  const entries = Object.entries(fields) as [string, Shape<unknown>][];
  return shape((value) => {
    if (!isObject(value)) return wrong('not an object');
    for (const [name, inner] of entries) {
      const complaint = inner.find(value[name]);
      if (complaint !== undefined)
        return at(name, value[name] === undefined ? { path: [], what: 'missing' } : complaint);
    }
    return undefined;
  });
}
