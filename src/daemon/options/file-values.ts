/** Values of the configuration file, in the forms that the command line has: `runtimes: {x: {path}}` is 'x=path'. */
import { parseRuntimeEntry } from './runtime-entry.ts';
import type { DaemonOption, Kind } from './option.ts';

type Fail = (reason: string) => never;

const EXPECTED: Readonly<Record<Kind, string>> = {
  text: 'a string',
  list: 'a list of strings',
  addresses: 'a list of addresses',
  'address-list': 'a list of addresses',
  switch: 'true or false',
  number: 'an integer',
  size: 'a size, like "64m"',
  pairs: 'an object of strings, like {"max-size": "10m"}',
  switches: 'an object of true and false, like {"buildkit": true}',
  pools: 'a list, like [{"base": "10.0.0.0/8", "size": 24}]',
  'network-options': 'options by driver, like {"bridge": {"com.docker.network.driver.mtu": "1400"}}',
  ulimits: 'an object, like {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 4096}}',
  runtimes: 'an object, like {"mine": {"path": "/usr/bin/mine"}}',
  object: 'an object',
};

/** @throws what `fail` throws, with a sentence that names the key */
export function fileValues({ key, kind }: DaemonOption, value: unknown, fail: Fail): string[] {
  return READERS[kind](value) ?? fail(`${key}: expected ${EXPECTED[kind]}`);
}

type Reader = (value: unknown) => string[] | undefined;

const text: Reader = (value) => (typeof value === 'string' ? [value] : undefined);
const list: Reader = (value) =>
  Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;

const READERS: Readonly<Record<Kind, Reader>> = {
  text,
  list,
  'address-list': list,
  // dockerd takes one address as a string for host-gateway-ip.
  addresses: (value) => text(value) ?? list(value),
  switch: (value) => (typeof value === 'boolean' ? [String(value)] : undefined),
  number: (value) => (Number.isSafeInteger(value) ? [String(value)] : undefined),
  size: (value) => text(value) ?? (Number.isSafeInteger(value) ? [String(value)] : undefined),
  pairs: (value) => entries(value, (name, one) => (typeof one === 'string' ? `${name}=${one}` : undefined)),
  switches: (value) => entries(value, (name, one) => (typeof one === 'boolean' ? `${name}=${one}` : undefined)),
  pools: (value) => items(value, ({ base, size }) => `base=${shown(base)},size=${shown(size)}`),
  'network-options': (value) => {
    if (!isObject(value)) return undefined;
    const drivers = Object.entries(value).map(([driver, options]) =>
      entries(options, (name, one) => (typeof one === 'string' ? `${driver}=${name}=${one}` : undefined)),
    );
    return drivers.includes(undefined) ? undefined : drivers.flatMap((one) => one ?? []);
  },
  ulimits: (value) =>
    entries(value, (name, one) => {
      if (!isObject(one)) return undefined;
      const { Soft: soft = 0, Hard: hard = 0, Name: own = name } = one;
      if (!Number.isSafeInteger(soft) || !Number.isSafeInteger(hard) || typeof own !== 'string') return undefined;
      return `${own}=${shown(soft)}:${shown(hard)}`;
    }),
  runtimes: (value) => entries(value, (name, one) => (parseRuntimeEntry(one) ? `${name}=` : undefined)),
  object: (value) => (isObject(value) ? [JSON.stringify(value)] : undefined),
};

function shown(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function entries(value: unknown, read: (name: string, one: unknown) => string | undefined): string[] | undefined {
  if (!isObject(value)) return undefined;
  const all = Object.entries(value).map(([name, one]) => read(name, one));
  return all.every((one) => one !== undefined) ? all : undefined;
}

function items(value: unknown, read: (one: Readonly<Record<string, unknown>>) => string): string[] | undefined {
  return Array.isArray(value) && value.every(isObject) ? value.map(read) : undefined;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
