/** The daemon's configuration: options checked, and defaults filled in. */
import { isAbsolute, join } from 'node:path';
import { invalid } from '../base/errors.ts';
import type { LogLevel } from '../base/log.ts';
import { ipVersion, parseSubnet, subnetContains } from '../model/addresses.ts';
import { refuseBadValues } from './config-check.ts';
import type { DaemonConfig } from './config-shape.ts';
import type { RawOptions } from './daemon-flags.ts';

export type { DaemonConfig } from './config-shape.ts';

const LOG_LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error', 'fatal'];

export function daemonConfig({ texts, lists, switches }: RawOptions): DaemonConfig {
  const execRoot = absolute(texts['exec-root'] ?? '/run/causeway', 'exec-root');
  const hosts = lists['host'] ?? ['unix:///run/causeway/causeway.sock'];
  const logLevel = switches['debug'] === true ? 'debug' : (texts['log-level'] ?? 'info');
  if (!LOG_LEVELS.includes(logLevel)) throw invalid(`invalid logging level: ${logLevel}`);
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
  const hostBindingIp = texts['ip'] ?? '0.0.0.0';
  if (ipVersion(hostBindingIp) === 0)
    throw invalid(`invalid argument "${hostBindingIp}" for "--ip": it is not an IP address`);
  const mtu = Number(texts['mtu'] ?? 1500);
  if (mtu !== 0 && (mtu < 68 || mtu > 65535)) throw invalid(`invalid default MTU: ${mtu}`);
  const config: DaemonConfig = {
    hosts,
    socketGroup: texts['group'] ?? '',
    dataRoot: absolute(texts['data-root'] ?? '/var/lib/causeway', 'data-root'),
    execRoot,
    pidFile: absolute(texts['pidfile'] ?? join(execRoot, 'causeway.pid'), 'pidfile'),
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
    hostGatewayIp: texts['host-gateway-ip'] ?? '',
    ipForward: switches['ip-forward'] ?? true,
    // With Docker told to leave iptables alone, the user wants no engine rule there that opens what the user's own
    // rules close.
    firewallIntegration: switches['firewall-integration'] ?? switches['iptables'] ?? true,
    ip6tablesWay: switches['firewall-integration'] ?? switches['ip6tables'] ?? true,
    integrationUnsaid: switches['firewall-integration'] === undefined && switches['iptables'] === false,
    inputPolicy: switches['respect-input-policy'] ?? false,
    ipMasq: switches['ip-masq'] ?? true,
    liveRestore: switches['live-restore'] ?? true,
    linksFollowNames: switches['links-follow-names'] ?? false,
    logLevel: logLevel as LogLevel,
    logDriver: texts['log-driver'] ?? 'json-file',
    logOptions: Object.fromEntries((lists['log-opt'] ?? []).map((text) => pair(text, 'log-opt'))),
    runtimes: Object.fromEntries((lists['add-runtime'] ?? []).map((text) => pair(text, 'add-runtime'))),
    defaultRuntime: texts['default-runtime'] ?? '',
    cgroupParent: texts['cgroup-parent'] ?? '/causeway',
    shmSizeBytes: parseBytes(texts['default-shm-size'] ?? '64m'),
    init: switches['init'] ?? false,
    insecureRegistries: lists['insecure-registry'] ?? [],
    labels: lists['label'] ?? [],
    shutdownTimeoutS: Number(texts['shutdown-timeout'] ?? 15),
  };
  refuseBadValues(config);
  return config;
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
  const options: Record<string, Record<string, string>> = {};
  for (const text of texts) {
    const [driver, rest] = pair(text, 'default-network-opt');
    const [name, value] = pair(rest, 'default-network-opt');
    (options[driver] ??= {})[name] = value;
  }
  return options;
}

function parsePool(text: string): { base: string; size: number } {
  const fields = Object.fromEntries(text.split(',').map((field) => field.trim().split('=', 2)));
  const { base, size } = fields as { base?: string; size?: string };
  const subnet = parseSubnet(base ?? '');
  const bits = Number(size);
  if (!subnet || !Number.isInteger(bits))
    throw invalid(`invalid default address pool "${text}": expected base=SUBNET,size=PREFIX-LENGTH`);
  if (bits < subnet.prefix || bits > (subnet.version === 4 ? 32 : 128))
    throw invalid(
      `invalid default address pool "${text}": the size must be between the base's prefix length and ${subnet.version === 4 ? 32 : 128}`,
    );
  return { base: base!, size: bits };
}

function pair(text: string, name: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals <= 0) throw invalid(`invalid --${name} "${text}": expected NAME=VALUE`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

function parseBytes(text: string): number {
  const match = /^(\d+)([kmg]?)b?$/i.exec(text);
  if (!match) throw invalid(`invalid size: '${text}'`);
  return (
    Number(match[1]) * { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]!.toLowerCase() as '' | 'k' | 'm' | 'g']
  );
}
