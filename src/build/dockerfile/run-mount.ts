/** `RUN --mount=...`: what is there for the time of one step. */
import { readGoBoolean } from '../../base/go-boolean.ts';
import { csvFields } from './csv-fields.ts';
import { didYouMean } from './nearest-word.ts';
import { wrong } from './source-error.ts';

interface OwnedFile {
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

export type RunMount =
  | {
      readonly type: 'bind';
      /** A stage, an image or a named context; '' = the context. */
      readonly from: string;
      readonly source: string;
      readonly target: string;
      /** Otherwise what is written there is thrown away with the step. */
      readonly readonly: boolean;
    }
  | ({
      readonly type: 'cache';
      readonly id: string;
      readonly target: string;
      readonly from: string;
      readonly source: string;
      readonly readonly: boolean;
      readonly sharing: 'shared' | 'private' | 'locked';
    } & OwnedFile)
  | { readonly type: 'tmpfs'; readonly target: string; readonly sizeBytes: number; readonly readonly: boolean }
  | ({
      readonly type: 'secret';
      readonly id: string;
      /** '' = none: only the variable is set. */
      readonly target: string;
      readonly variable: string | undefined;
      readonly required: boolean;
    } & OwnedFile)
  | ({ readonly type: 'ssh'; readonly id: string; readonly target: string; readonly required: boolean } & OwnedFile);

const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
const SHARINGS = ['shared', 'private', 'locked'] as const;
/** Keys and what they are called by others. */
const KEYS: Readonly<Record<string, string>> = {
  type: 'type',
  from: 'from',
  source: 'source',
  src: 'source',
  target: 'target',
  dst: 'target',
  destination: 'target',
  readonly: 'readonly',
  ro: 'readonly',
  readwrite: 'readwrite',
  rw: 'readwrite',
  required: 'required',
  size: 'size',
  id: 'id',
  sharing: 'sharing',
  mode: 'mode',
  uid: 'uid',
  gid: 'gid',
  env: 'env',
};
const WITHOUT_VALUE: ReadonlySet<string> = new Set(['readonly', 'readwrite', 'required']);

/** What can be told before variables are put in. */
export function checkMountText(text: string): void {
  for (const field of csvFields(text)) {
    const [key = '', value = ''] = field.split(/=(.*)/s);
    const dollar = value.indexOf('$');
    if (key.toLowerCase() === 'from' && dollar >= 0 && dollar < value.length - 1)
      throw wrong("'from' doesn't support variable expansion, define alias stage instead");
  }
}

interface Given {
  readonly values: ReadonlyMap<string, string>;
  /** As the key was written. */
  readonly written: ReadonlyMap<string, string>;
}

/** @throws InstructionError in Docker's words */
export function readMount(text: string, expand: (value: string) => string): RunMount {
  const given = readFields(text, expand);
  const type = oneOf('unsupported mount type', given.values.get('type') ?? 'bind', TYPES);
  checkKeys(type, given);
  const value = (key: string): string => given.values.get(key) ?? '';
  const readonly = isReadonly(given, type !== 'cache' && type !== 'tmpfs');
  const owned = { mode: whole(given, 'mode', 8), uid: whole(given, 'uid', 10), gid: whole(given, 'gid', 10) };
  const target = value('target');
  switch (type) {
    case 'bind':
      return { type, from: value('from'), source: value('source'), target, readonly };
    case 'cache':
      return {
        type,
        id: value('id'),
        target,
        from: value('from'),
        source: value('source'),
        readonly,
        sharing: oneOf('unsupported sharing value', given.values.get('sharing') ?? 'shared', SHARINGS),
        ...owned,
      };
    case 'tmpfs':
      return { type, target, sizeBytes: sizeOf(given), readonly };
    case 'secret':
      return { type, ...secretOf(given), required: isTrue(given, 'required'), ...owned };
    case 'ssh':
      return { type, id: value('id') || 'default', target, required: isTrue(given, 'required'), ...owned };
  }
}

function readFields(text: string, expand: (value: string) => string): Given {
  const values = new Map<string, string>();
  const written = new Map<string, string>();
  for (const field of csvFields(text)) {
    const equals = field.indexOf('=');
    const key = equals < 0 ? field : field.slice(0, equals);
    const known = key.toLowerCase();
    const name = Object.hasOwn(KEYS, known) ? KEYS[known] : undefined;
    if (equals < 0 && (name === undefined || !WITHOUT_VALUE.has(name)))
      throw wrong(`invalid field '${field}' must be a key=value pair`);
    if (name === undefined)
      throw wrong(`unexpected key '${key}' in '${field}'${didYouMean(key, Object.keys(KEYS), { exactCase: true })}`);
    values.set(name, equals < 0 ? 'true' : expand(field.slice(equals + 1)));
    written.set(name, key);
  }
  return { values, written };
}

function checkKeys(type: RunMount['type'], given: Given): void {
  const { values, written } = given;
  const refuse = (key: string): never => {
    throw wrong(`unexpected key '${written.get(key)!}' for mount type '${type}'`);
  };
  if (values.has('required') && type !== 'secret' && type !== 'ssh') refuse('required');
  if (values.has('size') && type !== 'tmpfs') refuse('size');
  if (type === 'bind' || type === 'tmpfs') {
    for (const key of ['mode', 'uid', 'gid'])
      if (values.has(key)) throw wrong(`${key} not allowed for ${JSON.stringify(type)} type mounts`);
  }
  if (values.has('sharing') && type !== 'cache')
    throw wrong(
      type === 'secret' ? 'secret mount should not define sharing' : `invalid cache sharing set for ${type} mount`,
    );
  if (type === 'secret' && values.get('from')) throw wrong('secret mount should not have a from');
}

function oneOf<T extends string>(complaint: string, text: string, known: readonly T[]): T {
  const found = known.find((item) => item === text.toLowerCase());
  if (found === undefined)
    throw wrong(`${complaint} ${JSON.stringify(text)}${didYouMean(text, known, { exactCase: true })}`);
  return found;
}

function truth({ values, written }: Given, key: string): boolean | undefined {
  const text = values.get(key);
  if (text === undefined) return undefined;
  const value = readGoBoolean(text);
  if (value === undefined) throw wrong(`invalid value for ${written.get(key)!}: ${text}`);
  return value;
}

const isTrue = (given: Given, key: string): boolean => truth(given, key) ?? false;

function isReadonly(given: Given, byItself: boolean): boolean {
  const readwrite = truth(given, 'readwrite');
  return truth(given, 'readonly') ?? (readwrite === undefined ? byItself : !readwrite);
}

function whole({ values }: Given, key: string, base: 8 | 10): number | undefined {
  const text = values.get(key);
  if (text === undefined) return undefined;
  const number = (base === 8 ? /^[0-7]{1,11}$/ : /^\d{1,10}$/).test(text) ? parseInt(text, base) : Infinity;
  if (number > 0xffffffff) throw wrong(`invalid value ${text} for ${key}`);
  return number;
}

/** docker/go-units: '64m', '1.5GiB'. */
function sizeOf({ values }: Given): number {
  const text = values.get('size');
  if (text === undefined) return 0;
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(text) ?? [];
  if (number === undefined) throw wrong(`invalid value for size: invalid size: '${text}'`);
  return Math.floor(Number(number) * 1024 ** ' kmgtp'.indexOf(unit.toLowerCase() || ' '));
}

function secretOf({ values }: Given): { id: string; target: string; variable: string | undefined } {
  const [source = '', target = '', id = ''] = ['source', 'target', 'id'].map((key) => values.get(key));
  if (source === '' && target === '' && id === '') throw wrong('invalid secret mount. one of source, target required');
  if (source !== '' && id !== '') throw wrong("both source and id can't be set");
  const name = id || source || target.slice(target.lastIndexOf('/') + 1);
  const variable = values.get('env');
  return {
    id: name,
    target: target || (variable === undefined ? `/run/secrets/${name.slice(name.lastIndexOf('/') + 1)}` : ''),
    variable: variable === '' ? name : variable,
  };
}
