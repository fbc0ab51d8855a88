/**
 * The daemon's options from both places. An option may stand in one of the two; both is refused, as dockerd refuses it,
 * and so is an unknown key. What has no effect is noted, and what would be unsafe to accept is refused with the reason.
 */
import { invalid } from '../../base/errors.ts';
import { readGoBoolean } from '../../base/go-boolean.ts';
import { redactedUrlText } from '../../base/redacted-url.ts';
import { readCommandLine, type GivenFlags } from './command-line.ts';
import { readConfigFile } from './config-file.ts';
import { fileValues, isObject } from './file-values.ts';
import { goText } from './go-text.ts';
import type { DaemonOption, Judgement } from './option.ts';
import { parseRuntimeEntry, type RuntimeEntry } from './runtime-entry.ts';
import { DAEMON_OPTIONS, FORMER_KEYS } from './table.ts';

/** Values by the names of rows; those of 'pairs' and the like as entries, 'max-size=10m'. */
export interface RawOptions {
  readonly texts: Readonly<Record<string, string>>;
  readonly lists: Readonly<Record<string, readonly string[]>>;
  readonly switches: Readonly<Record<string, boolean>>;
  readonly runtimes: Readonly<Record<string, RuntimeEntry>>;
  /** What was given and has no effect: a sentence each. */
  readonly notes: readonly string[];
  readonly configFile: string;
}

type Values = Map<DaemonOption, readonly string[]>;

const CONFIG_FILE = '/etc/causeway/daemon.json';

/** Reads flags and file. @throws invalid in dockerd's words where it has them */
export function readDaemonOptions(argv: readonly string[]): RawOptions {
  const flags = readCommandLine(argv);
  const byName = (name: string) => [...flags].find(([option]) => option.name === name)?.[1].at(-1);
  const path = byName('config-file') ?? CONFIG_FILE;
  const required = byName('config-file') !== undefined;
  // Who asks for help needs it most where the file is wrong.
  const wantsFile = byName('help') !== 'true' && byName('version') !== 'true';
  const file = flatten(wantsFile ? readConfigFile(path, required) : {});
  const fail = (reason: string): never => {
    throw invalid(`unable to configure the daemon with file ${path}: ${reason}`);
  };
  refuseUnknown(file, fail);
  refuseClashes(flags, file, fail);
  const values: Values = new Map(flags);
  const runtimes: Record<string, RuntimeEntry> = {};
  for (const [key, value] of Object.entries(file)) {
    const option = rowOfKey(key);
    if (!option) continue;
    if (value === null) continue; // as Go: null is nothing
    values.set(option, [...(flags.get(option) ?? []), ...fileValues(option, value, fail)]);
    if (option.kind === 'runtimes')
      for (const [name, one] of Object.entries(value as object)) setOwn(runtimes, name, parseRuntimeEntry(one)!);
  }
  const notes = [...judge(values, new Set(flags.keys())), ...misspelt(file)];
  return { ...collect(values), runtimes, notes, configFile: path };
}

function setOwn<T>(record: Record<string, T>, name: string, value: T): void {
  Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
}

/** As dockerd reads it: {"proxies": {"http-proxy": …}} names the options inside. */
function flatten(file: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { proxies, ...rest } = file;
  return isObject(proxies) ? { ...rest, ...proxies } : file;
}

/** host-gateway-ip is what host-gateway-ips was called when it was one address. */
function rowOfKey(key: string): DaemonOption | undefined {
  return DAEMON_OPTIONS.find((option) => option.key === (key === 'host-gateway-ip' ? 'host-gateway-ips' : key));
}

/** A flag's name as a key: dockerd starts with it, and does not read it. */
const isFlagName = (key: string): boolean => DAEMON_OPTIONS.some(({ flag }) => flag !== '' && flag === key);

function refuseUnknown(file: Readonly<Record<string, unknown>>, fail: (reason: string) => never): void {
  const unknown = Object.keys(file).filter((key) => !rowOfKey(key) && !isFlagName(key));
  if (unknown.length === 0) return;
  const named = unknown.slice(0, 20).map((key) => {
    const short = key.length > 60 ? `${key.slice(0, 60)}…` : key;
    return Object.hasOwn(FORMER_KEYS, key) ? `${short} (${FORMER_KEYS[key]})` : short;
  });
  fail(`the following directives don't match any configuration option: ${named.join(', ')}`);
}

function misspelt(file: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(file)
    .filter((key) => !rowOfKey(key))
    .map((key) => {
      const right = DAEMON_OPTIONS.find(({ flag }) => flag === key)?.key;
      return `"${key}" has no effect: in the file ${right ? `it is "${right}"` : 'it is not read, only as a flag'}`;
    });
}

function refuseClashes(flags: GivenFlags, file: Readonly<Record<string, unknown>>, fail: (reason: string) => never) {
  if (Object.hasOwn(file, 'host-gateway-ip') && Object.hasOwn(file, 'host-gateway-ips'))
    fail('host-gateway-ip and host-gateway-ips must not both be specified in the config file');
  const clashes = Object.entries(file).flatMap(([key, value]) => {
    const option = rowOfKey(key) ?? DAEMON_OPTIONS.find(({ flag }) => flag !== '' && flag === key);
    const given = option && flags.get(option);
    // Runtimes of both places add up.
    if (!option || !given || option.kind === 'runtimes') return [];
    const shown = [flagText(option, given), goText(value)].map(redactedUrlText);
    return [`${key}: (from flag: ${shown[0]}, from file: ${shown[1]})`];
  });
  if (clashes.length > 0)
    fail(`the following directives are specified both as a flag and in the configuration file: ${clashes.join(', ')}`);
}

function flagText({ kind }: DaemonOption, given: readonly string[]): string {
  if (['text', 'switch', 'number', 'size', 'object'].includes(kind)) return given.at(-1) ?? '';
  if (kind !== 'pairs' && kind !== 'switches') return `[${given.join(' ')}]`;
  return goText(Object.fromEntries(given.map((one) => one.split(/=(.*)/s, 2) as [string, string])));
}

/** Whether it says something else than nothing, or than the default. */
function isSaid({ kind, fallback }: DaemonOption, values: readonly string[]): boolean {
  const last = values.at(-1) ?? '';
  if (kind === 'switch') return String(readGoBoolean(last) ?? last) !== (fallback || 'false');
  if (kind === 'number') return last !== '0' && last !== fallback;
  if (kind === 'text') return last !== '' && last !== fallback;
  return values.length > 0;
}

/** Notes; throws for what is refused. */
function judge(values: Values, flags: ReadonlySet<DaemonOption>): string[] {
  return [...values].flatMap(([option, given]) => {
    const judgement: Judgement | undefined = option.judge?.(given) ?? (isSaid(option, given) ? option : undefined);
    if (judgement === undefined || judgement.status === 'done') return [];
    const named = flags.has(option) ? `--${option.flag}` : `"${option.key}"`;
    if (judgement.status === 'refused') throw invalid(`${named} is refused: ${judgement.why}`);
    return [`${named} has no effect: ${judgement.why}`];
  });
}

function collect(values: Values): Pick<RawOptions, 'texts' | 'lists' | 'switches'> {
  const texts: Record<string, string> = {};
  const lists: Record<string, readonly string[]> = {};
  const switches: Record<string, boolean> = {};
  for (const [{ name, kind, flag }, given] of values) {
    const last = given.at(-1) ?? '';
    const refuse = (expected: string): never => {
      throw invalid(`invalid argument "${last}" for "--${flag}" flag: expected ${expected}`);
    };
    if (kind === 'switch') switches[name] = readGoBoolean(last) ?? refuse('true or false');
    else if (kind === 'number') texts[name] = /^[-+]?\d{1,15}$/.test(last) ? last : refuse('a number');
    else if (['text', 'size', 'object'].includes(kind)) texts[name] = last;
    else if (kind === 'addresses' || kind === 'address-list')
      lists[name] = given.flatMap((one) => one.split(',')).map((one) => one.trim());
    else if (kind === 'runtimes') lists[name] = given.filter((one) => !one.endsWith('='));
    else lists[name] = given;
  }
  return { texts, lists, switches };
}
