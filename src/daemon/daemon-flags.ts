/**
 * The daemon's options, with dockerd's names: command-line flags and the JSON file (--config-file). An option may stand
 * in one of the two; both is refused, as dockerd refuses it, and so is an unknown key.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { errorCode, errorMessage, invalid } from '../base/errors.ts';
import { readGoBoolean } from '../base/go-boolean.ts';

type Kind = 'text' | 'list' | 'switch' | 'number';

interface OptionDefinition {
  readonly flag: string;
  readonly short?: string;
  readonly key: string; // in the file
  readonly kind: Kind;
  readonly help: string;
}

const option = (
  flag: string,
  kind: Kind,
  help: string,
  extra: { short?: string; key?: string } = {},
): OptionDefinition => ({
  flag,
  kind,
  help,
  key: extra.key ?? flag,
  ...(extra.short === undefined ? {} : { short: extra.short }),
});

const DAEMON_OPTIONS: readonly OptionDefinition[] = [
  option('host', 'list', 'Daemon socket(s) to listen on (unix:///path, tcp://address:port)', {
    short: 'H',
    key: 'hosts',
  }),
  option('group', 'text', 'Group for the unix socket (default "docker" where it exists)', { short: 'G' }),
  option('data-root', 'text', 'Root directory of persistent state (default "/var/lib/causeway")'),
  option('exec-root', 'text', 'Root directory for execution state files (default "/run/causeway")'),
  option('pidfile', 'text', 'Path to use for the daemon PID file (default EXEC-ROOT/causeway.pid)', { short: 'p' }),
  option('config-file', 'text', 'Daemon configuration file (default "/etc/causeway/daemon.json")'),
  option(
    'bridge',
    'text',
    'Bridge of yours for the default network ("none" for no default network; default: the daemon makes one)',
    { short: 'b' },
  ),
  option(
    'default-bridge-name',
    'text',
    'What the daemon calls the bridge that it makes (default "docker0", beside Docker "causeway0")',
  ),
  option(
    'bip',
    'text',
    'IPv4 address and prefix of the default bridge (default 172.17.0.1/16, or another subnet where the host has that one)',
  ),
  option('fixed-cidr', 'text', 'IPv4 subnet to take container addresses of the default bridge from'),
  option('bip6', 'text', 'IPv6 address and prefix of the default bridge (default: chosen)'),
  option('fixed-cidr-v6', 'text', 'IPv6 subnet to take container addresses of the default bridge from'),
  option('default-gateway', 'text', 'IPv4 gateway of containers on the default bridge (default: the bridge)'),
  option('default-gateway-v6', 'text', 'IPv6 gateway of containers on the default bridge (default: the bridge)'),
  option(
    'default-network-opt',
    'list',
    'Options of networks that do not say otherwise (bridge=com.docker.network.driver.mtu=1400)',
    { key: 'default-network-opts' },
  ),
  option('default-address-pool', 'list', 'Default address pools for user networks (base=10.0.0.0/8,size=24)', {
    key: 'default-address-pools',
  }),
  option('dns', 'list', 'DNS server to use'),
  option('dns-search', 'list', 'DNS search domains to use'),
  option('dns-opt', 'list', 'DNS options to use', { key: 'dns-opts' }),
  option('dns-ttl', 'number', 'Seconds that answers of the embedded DNS may be kept (default 5)'),
  option('icc', 'switch', 'Let containers on the default bridge reach each other (default true)'),
  option('ipv6', 'switch', 'Enable IPv6 on the default bridge (default false)'),
  option('mtu', 'number', 'MTU of networks that do not say theirs (default 1500)'),
  option('ip', 'text', 'Host IP for port publishing from the default bridge (default 0.0.0.0)'),
  option('ip-forward', 'switch', 'Turn on IP forwarding (default true)'),
  option(
    'firewall-integration',
    'switch',
    'Make way for containers in other firewalls of this host: ufw, firewalld, iptables (default true)',
  ),
  option(
    'respect-input-policy',
    'switch',
    "Published ports are open from outside only where the host's input rules let them through (default false)",
  ),
  option('ip-masq', 'switch', 'Masquerade on the default bridge (default true)'),
  option('host-gateway-ip', 'text', 'IP that "host-gateway" of --add-host resolves to (default: the bridge)'),
  option('userland-proxy', 'switch', 'Accepted for compatibility: no proxy processes are ever used'),
  option(
    'ip6tables',
    'switch',
    'false: no way is made in rules of ip6tables, as with --iptables=false for both versions of IP; ours are in an nftables table of our own',
  ),
  option(
    'iptables',
    'switch',
    'false: nothing is done to rules of iptables, as with --firewall-integration=false; ours are in an nftables table of our own',
  ),
  option('live-restore', 'switch', 'Leave containers running when the daemon ends (default true)'),
  option(
    'links-follow-names',
    'switch',
    'Links follow a source that is removed and created again under its name (default false)',
  ),
  option('log-level', 'text', 'debug, info, warn, error or fatal (default info)', { short: 'l' }),
  option('debug', 'switch', 'The same as --log-level=debug', { short: 'D' }),
  option('log-driver', 'text', 'Default logging driver for containers: json-file, local or none (default json-file)'),
  option('log-opt', 'list', 'Default log options for containers (max-size=10m)', { key: 'log-opts' }),
  option('add-runtime', 'list', 'Register an OCI runtime (NAME=PATH)', { key: 'runtimes' }),
  option(
    'default-runtime',
    'text',
    'Default OCI runtime for containers (default: crun, or runc where crun does not work)',
  ),
  option('cgroup-parent', 'text', 'Parent cgroup of containers (default /causeway)'),
  option('default-shm-size', 'text', 'Default size of /dev/shm for containers (default 64m)'),
  option('init', 'switch', 'Run an init in containers that forwards signals and reaps processes (default false)'),
  option(
    'insecure-registry',
    'list',
    'Registry (host:port or subnet) to talk to without TLS or without checking its certificate',
    { key: 'insecure-registries' },
  ),
  option('label', 'list', 'Set key=value labels to the daemon', { key: 'labels' }),
  option(
    'shutdown-timeout',
    'number',
    'Seconds to give containers to stop when the daemon ends without live-restore (default 15)',
  ),
  option('validate', 'switch', 'Check the configuration (and what of it this host has) and exit'),
];

export interface RawOptions {
  readonly texts: Readonly<Record<string, string>>;
  readonly lists: Readonly<Record<string, readonly string[]>>;
  readonly switches: Readonly<Record<string, boolean>>;
}

interface Collected {
  texts: Record<string, string>;
  lists: Record<string, string[]>;
  switches: Record<string, boolean>;
}

/** Reads flags and file. @throws invalid in dockerd's words */
export function readDaemonOptions(argv: readonly string[]): RawOptions {
  const flags = parseFlags(argv);
  const path = flags.texts['config-file'] ?? '/etc/causeway/daemon.json';
  const file = readConfigFile(path, flags.texts['config-file'] !== undefined);
  return mergeFile(flags, file, path);
}

function parseFlags(argv: readonly string[]): Collected {
  const switches = DAEMON_OPTIONS.filter((one) => one.kind === 'switch');
  // `--icc` alone means true, `--icc=false` is given with `=` only: as pflag reads them.
  const args = argv.map((arg) => {
    const found = switches.find((one) => arg === `--${one.flag}` || (one.short && arg === `-${one.short}`));
    return found ? `--${found.flag}=true` : arg;
  });
  let parsed: { values: Record<string, string | string[] | boolean | undefined> };
  try {
    parsed = parseArgs({
      args,
      strict: true,
      allowPositionals: false,
      options: Object.fromEntries(
        DAEMON_OPTIONS.map((one) => [
          one.flag,
          { type: 'string' as const, multiple: one.kind === 'list', ...(one.short ? { short: one.short } : {}) },
        ]),
      ),
    }) as typeof parsed;
  } catch (error) {
    throw invalid(explainParseError(error));
  }
  const result: Collected = { texts: {}, lists: {}, switches: {} };
  for (const definition of DAEMON_OPTIONS) {
    const value = parsed.values[definition.flag];
    if (value !== undefined)
      store(result, definition, Array.isArray(value) ? value : [String(value)], `--${definition.flag}`);
  }
  return result;
}

function explainParseError(error: unknown): string {
  const unknown = /Unknown option '(-[^']*)'/.exec(errorMessage(error))?.[1];
  if (unknown)
    return unknown.startsWith('--')
      ? `unknown flag: ${unknown}`
      : `unknown shorthand flag: '${unknown.slice(1)}' in ${unknown}`;
  const positional = /Unexpected argument '([^']*)'/.exec(errorMessage(error))?.[1];
  return positional === undefined ? errorMessage(error) : `"causeway daemon" accepts no arguments, got "${positional}"`;
}

function store(result: Collected, definition: OptionDefinition, values: readonly string[], where: string): void {
  const { flag, kind } = definition;
  const last = values.at(-1) ?? '';
  const refuse = (): never => {
    throw invalid(
      `invalid argument "${last}" for "${where}": expected ${kind === 'switch' ? 'true or false' : 'a number'}`,
    );
  };
  if (kind === 'list') result.lists[flag] = [...values];
  else if (kind === 'switch') result.switches[flag] = readGoBoolean(last) ?? refuse();
  else if (kind === 'number' && !/^\d+$/.test(last)) refuse();
  else result.texts[flag] = last;
}

function readConfigFile(path: string, asked: boolean): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && !asked) return {};
    throw invalid(`unable to configure the daemon with file ${path}: ${errorMessage(error)}`);
  }
  try {
    const value: unknown = text.trim() === '' ? {} : JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('expected an object');
    return value as Record<string, unknown>;
  } catch (error) {
    throw invalid(`unable to configure the daemon with file ${path}: invalid JSON: ${errorMessage(error)}`);
  }
}

function mergeFile(flags: Collected, file: Record<string, unknown>, path: string): RawOptions {
  const fail = (reason: string): never => {
    throw invalid(`unable to configure the daemon with file ${path}: ${reason}`);
  };
  const unknown = Object.keys(file).filter((key) => !DAEMON_OPTIONS.some((one) => one.key === key));
  if (unknown.length > 0) fail(`the following directives don't match any configuration option: ${unknown.join(', ')}`);
  const result: Collected = { texts: { ...flags.texts }, lists: { ...flags.lists }, switches: { ...flags.switches } };
  const clashes: string[] = [];
  for (const definition of DAEMON_OPTIONS) {
    const value = file[definition.key];
    if (value === undefined) continue;
    const { flag } = definition;
    const given = flags.texts[flag] ?? flags.lists[flag] ?? flags.switches[flag];
    // Lists of runtimes, pools and log options add up; everything else must be in one place.
    const values = fileValues(definition, value, fail);
    if (given !== undefined && flag !== 'add-runtime')
      clashes.push(`${definition.key}: (from flag: ${JSON.stringify(given)}, from file: ${JSON.stringify(value)})`);
    else store(result, definition, [...(flags.lists[flag] ?? []), ...values], `${path}: ${definition.key}`);
  }
  if (clashes.length > 0)
    fail(`the following directives are specified both as a flag and in the configuration file: ${clashes.join(', ')}`);
  return result;
}

function fileValues(definition: OptionDefinition, value: unknown, fail: (reason: string) => never): string[] {
  const { key, kind } = definition;
  if (key === 'default-address-pools' && Array.isArray(value))
    return value.map(
      (pool: { base?: unknown; size?: unknown }) => `base=${String(pool.base)},size=${String(pool.size)}`,
    );
  if (key === 'default-network-opts' && isObject(value)) {
    return Object.entries(value).flatMap(([driver, options]) =>
      isObject(options)
        ? Object.entries(options).map(([name, text]) => `${driver}=${name}=${String(text)}`)
        : fail(`${key}: expected options by driver`),
    );
  }
  if (key === 'runtimes' && isObject(value))
    return Object.entries(value).map(
      ([name, runtime]) =>
        `${name}=${isObject(runtime) ? String(runtime['path'] ?? runtime['runtimeType']) : String(runtime)}`,
    );
  if (key === 'log-opts' && isObject(value))
    return Object.entries(value).map(([name, text]) => `${name}=${String(text)}`);
  if (kind === 'list')
    return Array.isArray(value) && value.every((one) => typeof one === 'string')
      ? value
      : fail(`${key}: expected a list of strings`);
  if (kind === 'switch' && typeof value !== 'boolean') return fail(`${key}: expected true or false`);
  if (kind === 'number' && typeof value !== 'number') return fail(`${key}: expected a number`);
  if (kind === 'text' && typeof value !== 'string') return fail(`${key}: expected a string`);
  return [String(value)];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function daemonHelp(): string {
  const rows = DAEMON_OPTIONS.map(({ flag, short, kind, help }) => {
    const type = { text: ' string', list: ' list', number: ' int', switch: '' }[kind];
    return [`${short ? `-${short}, ` : '    '}--${flag}${type}`, help] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 3;
  const lines = rows.map(([left, help]) => `  ${left.padEnd(width)}${help}`);
  return [
    '',
    'Usage:  causeway daemon [OPTIONS]',
    '',
    'The container engine: serves the Docker Engine API',
    '',
    'Options:',
    ...lines,
    '',
  ].join('\n');
}
