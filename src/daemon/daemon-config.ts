/** The daemon's configuration: options checked, and defaults filled in. */
import { isAbsolute, join } from 'node:path';
import { invalid } from '../base/errors.ts';
import type { LogLevel } from '../base/log.ts';
import { ipVersion, parseSubnet, subnetContains } from '../model/addresses.ts';
import { refuseBadValues } from './config-check.ts';
import type { DaemonConfig } from './config-shape.ts';
import { readBuildCacheBounds } from './builder-config.ts';
import { containerDefaults } from './container-defaults.ts';
import { parseHostAddress } from './options/host-address.ts';
import { pairOf } from './options/pair.ts';
import type { RawOptions } from './options/read.ts';
import type { RuntimeEntry } from './options/runtime-entry.ts';
import { registryConfig, schemeNotes } from './registry-config.ts';
import { tlsConfig } from './tls-config.ts';

export type { DaemonConfig } from './config-shape.ts';

/** dockerd's names of levels; those beyond ours mean the next one. */
const LOG_LEVELS: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  fatal: 'fatal',
  panic: 'fatal',
};

export function daemonConfig(raw: RawOptions): DaemonConfig {
  const { texts, lists, switches } = raw;
  const execRoot = absolute(texts['exec-root'] || '/run/causeway', 'exec-root');
  const tls = tlsConfig(raw);
  const bip = texts['bip'] ?? '';
  checkBip(bip, texts['fixed-cidr'] ?? '', 4);
  checkBip(texts['bip6'] ?? '', texts['fixed-cidr-v6'] ?? '', 6);
  if (texts['default-gateway-v6'] && !texts['bip6'] && !texts['fixed-cidr-v6']) {
    throw invalid(
      '--default-gateway-v6 needs --bip6 or --fixed-cidr-v6: it must be in the subnet of the default bridge',
    );
  }
  const dns = lists['dns'] ?? [];
  for (const server of dns) if (ipVersion(server) === 0) throw invalid(`${server} is not an ip address`);
  const hostBindingIp = texts['ip'] || '0.0.0.0';
  if (ipVersion(hostBindingIp) === 0)
    throw invalid(`invalid argument "${hostBindingIp}" for "--ip": it is not an IP address`);
  const mtu = Number(texts['mtu'] ?? 1500);
  if (mtu !== 0 && (mtu < 68 || mtu > 65535)) throw invalid(`invalid default MTU: ${mtu}`);
  const config: DaemonConfig = {
    ...containerDefaults(raw),
    ...registryConfig(raw),
    buildCache: readBuildCacheBounds(texts['builder'] ?? ''),
    hosts: hostsOf(lists['host'] ?? [], tls.mode !== 'off'),
    socketGroup: texts['group'] ?? '',
    tls,
    minApiVersion: texts['min-api-version'] ?? process.env['DOCKER_MIN_API_VERSION'] ?? '',
    apiLegacyFields: switches['api-legacy-fields'] ?? false,
    dataRoot: absolute(texts['data-root'] || '/var/lib/causeway', 'data-root'),
    execRoot,
    pidFile: absolute(texts['pidfile'] || join(execRoot, 'causeway.pid'), 'pidfile'),
    configFile: raw.configFile,
    metricsAddress: texts['metrics-addr'] ?? '',
    oomScoreAdjust: optionalNumber(texts['oom-score-adjust']),
    experimental: switches['experimental'] ?? false,
    features: lists['feature'] ?? [],
    cdiSpecDirs: cdiSpecDirs(lists),
    bridgeName: texts['bridge'] ?? '',
    defaultBridgeName: texts['default-bridge-name'] ?? '',
    bip,
    fixedCidr: texts['fixed-cidr'] ?? '',
    bip6: texts['bip6'] ?? '',
    fixedCidrV6: texts['fixed-cidr-v6'] ?? '',
    defaultGateway: gateway(texts, 'default-gateway', 4),
    defaultGatewayV6: gateway(texts, 'default-gateway-v6', 6),
    networkOptions: networkOptions(lists['default-network-opt'] ?? []),
    addressPools: (lists['default-address-pool'] ?? []).map(parsePool),
    dns,
    dnsSearch: lists['dns-search'] ?? [],
    dnsOptions: lists['dns-opt'] ?? [],
    dnsTtlS: Number(texts['dns-ttl'] ?? 5),
    icc: switches['icc'] ?? true,
    ipv6: switches['ipv6'] ?? false,
    mtu: mtu || 1500,
    hostBindingIp,
    hostGatewayIps: (lists['host-gateway-ip'] ?? []).filter((address) => address !== ''),
    ipForward: switches['ip-forward'] ?? true,
    // With Docker told to leave iptables alone, the user wants no engine rule there that opens what the user's own
    // rules close.
    firewallIntegration: switches['firewall-integration'] ?? switches['iptables'] ?? true,
    ip6tablesWay: switches['firewall-integration'] ?? switches['ip6tables'] ?? true,
    integrationUnsaid: switches['firewall-integration'] === undefined && switches['iptables'] === false,
    directRouting: switches['allow-direct-routing'] ?? false,
    inputPolicy: switches['respect-input-policy'] ?? false,
    ipMasq: switches['ip-masq'] ?? true,
    liveRestore: switches['live-restore'] ?? true,
    linksFollowNames: switches['links-follow-names'] ?? false,
    logLevel: logLevel(raw),
    logFormat: logFormat(texts['log-format'] ?? ''),
    runtimes: { ...raw.runtimes, ...flagRuntimes(lists['add-runtime'] ?? []) },
    defaultRuntime: texts['default-runtime'] ?? '',
    labels: lists['label'] ?? [],
    shutdownTimeoutS: Number(texts['shutdown-timeout'] ?? 15),
    notes: [...raw.notes, ...schemeNotes(lists['insecure-registry'] ?? [])],
  };
  refuseBadValues(config);
  return config;
}

function hostsOf(given: readonly string[], tls: boolean): string[] {
  return (given.length === 0 ? ['unix://'] : given).map((host) => parseHostAddress(host, tls));
}

function logLevel({ texts, switches }: RawOptions): LogLevel {
  const asked = (texts['log-level'] || 'info').toLowerCase();
  const level = Object.hasOwn(LOG_LEVELS, asked) ? LOG_LEVELS[asked] : undefined;
  if (level === undefined) throw invalid(`invalid logging level: ${asked}`);
  return switches['debug'] === true ? 'debug' : level;
}

function logFormat(text: string): 'json' | 'text' | undefined {
  if (text !== '' && text !== 'json' && text !== 'text') throw invalid(`invalid log format: ${text}`);
  return text === '' ? undefined : text;
}

function optionalNumber(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function flagRuntimes(texts: readonly string[]): Record<string, RuntimeEntry> {
  const entries = texts.map((text) => {
    const [name, path] = pairOf(text, 'add-runtime');
    if (path === '') throw invalid(`invalid --add-runtime "${text}": runtime path must be specified`);
    return [name, { path, args: [] }] as const;
  });
  return Object.fromEntries(entries);
}

function absolute(path: string, name: string): string {
  if (!isAbsolute(path)) throw invalid(`invalid --${name} "${path}": the path must be absolute`);
  return path;
}

/** The bridge's address and where containers get theirs from: of one family, the second inside the first. */
function checkBip(bip: string, fixedCidr: string, version: 4 | 6): void {
  const names = version === 4 ? ['bip', 'fixed-cidr'] : ['bip6', 'fixed-cidr-v6'];
  for (const [index, text] of [bip, fixedCidr].entries()) {
    if (text !== '' && parseSubnet(text)?.version !== version)
      throw invalid(`invalid --${names[index]} "${text}": invalid CIDR address: ${text}`);
  }
  const bridge = parseSubnet(bip);
  if (fixedCidr !== '' && bridge && !subnetContains(bridge, fixedCidr.split('/')[0]!)) {
    throw invalid(`${names.join(' and ')} must be in the same subnet: ${bip}, ${fixedCidr}`);
  }
}

function gateway(texts: RawOptions['texts'], flag: string, version: 4 | 6): string {
  const address = texts[flag] ?? '';
  if (address !== '' && ipVersion(address) !== version)
    throw invalid(`invalid argument "${address}" for "--${flag}": it is not an IPv${version} address`);
  return address;
}

/** 'bridge=com.docker.network.driver.mtu=1400' */
function networkOptions(texts: readonly string[]): Record<string, Record<string, string>> {
  const drivers = new Map<string, Map<string, string>>();
  for (const text of texts) {
    const [driver, rest] = pairOf(text, 'default-network-opt');
    const [name, value] = pairOf(rest, 'default-network-opt');
    if (!drivers.has(driver)) drivers.set(driver, new Map());
    drivers.get(driver)!.set(name, value);
  }
  return Object.fromEntries([...drivers].map(([driver, options]) => [driver, Object.fromEntries(options)]));
}

function parsePool(text: string): { base: string; size: number } {
  const fields = Object.fromEntries(text.split(',').map((field) => field.trim().split('=', 2)));
  const { base, size } = fields as { base?: string; size?: string };
  const subnet = parseSubnet(base ?? '');
  const bits = Number(size);
  if (!subnet || !size || !Number.isInteger(bits))
    throw invalid(`invalid default address pool "${text}": expected base=SUBNET,size=PREFIX-LENGTH`);
  if (bits < subnet.prefix || bits > (subnet.version === 4 ? 32 : 128))
    throw invalid(
      `invalid default address pool "${text}": the size must be between the base's prefix length and ${subnet.version === 4 ? 32 : 128}`,
    );
  return { base: base!, size: bits };
}

/** An empty name, or an empty list, means none. */
function cdiSpecDirs(lists: Readonly<Record<string, readonly string[]>>): readonly string[] | undefined {
  if ((lists['feature'] ?? []).includes('cdi=false')) return undefined;
  const given = lists['cdi-spec-dir'] ?? ['/etc/cdi', '/var/run/cdi'];
  return given.length === 1 && given[0] === '' ? [] : given;
}
