/** The fields of a CDI specification, and how Go's JSON refuses others. Names are the specification's. */
import type { YamlValue } from './yaml-value.ts';

export interface CdiEdits {
  readonly env: readonly string[];
  readonly deviceNodes: readonly CdiDeviceNode[];
  readonly hooks: readonly CdiHook[];
  readonly mounts: readonly CdiMount[];
  readonly intelRdt: CdiIntelRdt | undefined;
  readonly additionalGids: readonly number[];
}

export interface CdiDeviceNode {
  readonly path: string;
  readonly hostPath: string; // '' = path
  readonly type: string; // '' = that of the host's
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number | undefined;
  readonly permissions: string; // '' = rwm
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

export interface CdiHook {
  readonly hookName: string;
  readonly path: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly timeout: number | undefined;
}

export interface CdiMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly options: readonly string[];
  readonly type: string;
}

export interface CdiIntelRdt {
  readonly closID: string;
  readonly l3CacheSchema: string;
  readonly memBwSchema: string;
  readonly enableCMT: boolean;
  readonly enableMBM: boolean;
}

export interface CdiRawDevice {
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly containerEdits: CdiEdits;
}

export interface CdiRawSpec {
  readonly cdiVersion: string;
  readonly kind: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly devices: readonly CdiRawDevice[];
  readonly containerEdits: CdiEdits;
}

/** Reads a value; `at`: 'Spec.devices', for errors. */
type Read<T> = (value: YamlValue | undefined, at: string) => T;

const wrong = (value: YamlValue, at: string, type: string): Error => {
  const kind = Array.isArray(value)
    ? 'array'
    : value === null
      ? 'null'
      : typeof value === 'boolean'
        ? 'bool'
        : typeof value;
  return new Error(`json: cannot unmarshal ${kind} into Go struct field ${at} of type ${type}`);
};

/** Plain numbers and booleans of YAML are texts where those are wanted. */
const text: Read<string> = (value, at) => {
  if (value === undefined || value === null) return '';
  if (typeof value === 'object') throw wrong(value, at, 'string');
  return String(value);
};

const boolean: Read<boolean> = (value, at) => {
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw wrong(value, at, 'bool');
  return value;
};

const integer =
  (type: string, least: number, most: number): Read<number | undefined> =>
  (value, at) => {
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'number') throw wrong(value, at, type);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new Error(`json: cannot unmarshal number ${value} into Go struct field ${at} of type ${type}`);
    return value;
  };

const unsigned = integer('uint32', 0, 2 ** 32 - 1);
const signed = integer('int64', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);

const list =
  <T>(read: Read<T>, type: string): Read<readonly T[]> =>
  (value, at) => {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) throw wrong(value, at, `[]${type}`);
    return value.map((item) => read(item, at));
  };

const texts = list(text, 'string');

const textMap: Read<Readonly<Record<string, string>>> = (value, at) => {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw wrong(value, at, 'map[string]string');
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, text(item, at)]));
};

const object =
  <T extends object>(type: string, fields: { readonly [K in keyof T]: Read<T[K]> }): Read<T> =>
  (value, at) => {
    if (typeof value !== 'object' || Array.isArray(value)) {
      if (value === undefined) value = {};
      else throw wrong(value, at, `specs.${type}`);
    }
    const given = new Map<string, YamlValue>();
    const names = Object.keys(fields);
    for (const [key, item] of Object.entries(value ?? {})) {
      const name = names.find((one) => one === key) ?? names.find((one) => one.toLowerCase() === key.toLowerCase());
      if (name === undefined) throw new Error(`json: unknown field ${JSON.stringify(key)}`);
      given.set(name, item);
    }
    const read = Object.entries<Read<unknown>>(fields).map(([name, one]) => [
      name,
      one(given.get(name), `${type}.${name}`),
    ]);
    return Object.fromEntries(read) as T;
  };

const deviceNode = object<CdiDeviceNode>('DeviceNode', {
  path: text,
  hostPath: text,
  type: text,
  major: (value, at) => signed(value, at) ?? 0,
  minor: (value, at) => signed(value, at) ?? 0,
  fileMode: unsigned,
  permissions: text,
  uid: unsigned,
  gid: unsigned,
});

const hook = object<CdiHook>('Hook', { hookName: text, path: text, args: texts, env: texts, timeout: signed });
const mount = object<CdiMount>('Mount', { hostPath: text, containerPath: text, options: texts, type: text });

const rdt = object<CdiIntelRdt>('IntelRdt', {
  closID: text,
  l3CacheSchema: text,
  memBwSchema: text,
  enableCMT: boolean,
  enableMBM: boolean,
});

const edits = object<CdiEdits>('ContainerEdits', {
  env: texts,
  deviceNodes: list(deviceNode, '*specs.DeviceNode'),
  hooks: list(hook, '*specs.Hook'),
  mounts: list(mount, '*specs.Mount'),
  intelRdt: (value, at) => (value === undefined || value === null ? undefined : rdt(value, at)),
  additionalGids: list((value, at) => unsigned(value, at) ?? 0, 'uint32'),
});

const device = object<CdiRawDevice>('Device', { name: text, annotations: textMap, containerEdits: edits });

const spec = object<CdiRawSpec>('Spec', {
  cdiVersion: text,
  kind: text,
  annotations: textMap,
  devices: list(device, 'specs.Device'),
  containerEdits: edits,
});

/** @throws Error in Go's words */
export const readCdiShape = (value: YamlValue): CdiRawSpec => spec(value, 'Spec');
