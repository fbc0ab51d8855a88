/**
 * Values of the configuration, judged by the code that a start would use, without one: nothing is made and nothing is
 * listened on. What no start can mean is refused at every start (`refuseBadValues`); `--validate` and the doctor also
 * say what would only fail later, or has no effect (`examineConfig`).
 */
import { statSync, type Stats } from 'node:fs';
import { dirname, posix } from 'node:path';
import { errorMessage, invalid } from '../base/errors.ts';
import { refuseOldestApi } from '../api/versions.ts';
import { formatSubnet, ipVersion, parseSubnet, subnetContains, subnetsOverlap } from '../model/addresses.ts';
import { checkLogConfig, LOG_DRIVERS, unknownLogOptions } from '../model/log-config.ts';
import { checkDefaultBridge } from '../network/operations/default-networks.ts';
import { checkOptions, unknownOptionWarnings } from '../network/plan/bridge-options.ts';
import { linkNameComplaint } from '../network/interfaces/link-name.ts';
import { checkCgroupsPath } from '../oci/container-cgroup.ts';
import { socketGroup } from './api-sockets.ts';
import type { DaemonConfig } from './config-shape.ts';
import { initProgram } from './host-facts.ts';
import { metricsPlace } from './metrics/metrics-server.ts';
import { chooseNamedRuntime, runtimeTable } from './runtime-choice.ts';
import { loadSeccompProfile } from './seccomp-file.ts';
import { tlsOptions } from './tls-context.ts';

/** Of addresses that no bridge can have. */
const NO_HOSTS = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3', '::/127', 'ff00::/8'].map((text) => parseSubnet(text)!);

/** Throws `invalid`, in dockerd's words where it has them. */
export function refuseBadValues(config: DaemonConfig): void {
  checkLabels(config.labels);
  for (const domain of config.dnsSearch)
    if (domain === '' || /[\s/]/.test(domain))
      throw invalid(`invalid argument "${domain}" for "--dns-search" flag: ${domain} is not a valid domain`);
  for (const option of config.dnsOptions)
    if (option === '' || /\s/.test(option))
      throw invalid(`invalid argument "${option}" for "--dns-opt" flag: ${option} is not one option`);
  refuseOldestApi(config.minApiVersion);
  if (config.metricsAddress !== '') metricsPlace(config.metricsAddress);
  checkHostGateways(config.hostGatewayIps);
  for (const registry of config.insecureRegistries) checkRegistry(registry);
  for (const name of Object.keys(config.runtimes))
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(name))
      throw invalid(
        `invalid runtime name ${JSON.stringify(name.slice(0, 200))}: expected letters, digits, ".", "_", "-"`,
      );
  if (config.dnsTtlS < 0) throw invalid(`invalid dns-ttl: ${config.dnsTtlS}`);
  const { oomScoreAdjust: score } = config;
  if (score !== undefined && (score < -1000 || score > 1000))
    throw invalid(`invalid oom-score-adjust: ${score}: it is a number from -1000 to 1000`);
  if (!Object.hasOwn(LOG_DRIVERS, config.logDriver))
    throw invalid(
      `failed to set log opts: logger: no log driver named '${config.logDriver}' is registered; there are ${Object.keys(LOG_DRIVERS).join(', ')}`,
    );
  checkCgroupParent(config.cgroupParent);
  checkBridges(config);
}

/** Each has a name; two values for one are refused. */
function checkLabels(labels: readonly string[]): void {
  const values = new Map<string, string>();
  for (const label of labels) {
    const equals = label.indexOf('=');
    if (equals <= 0) throw invalid(`invalid argument "${label}" for "--label" flag: bad attribute format: ${label}`);
    const [name, value] = [label.slice(0, equals), label.slice(equals + 1)];
    const before = values.get(name);
    if (before !== undefined && before !== value)
      throw invalid(`conflict labels for ${name}=${value} and ${name}=${before}`);
    values.set(name, value);
  }
}

/** One of each family. */
function checkHostGateways(addresses: readonly string[]): void {
  const versions = addresses.map((address) => ipVersion(address));
  const bad = versions.indexOf(0);
  if (bad !== -1)
    throw invalid(`invalid argument "${addresses[bad]}" for "--host-gateway-ip" flag: it is not an IP address`);
  for (const version of [4, 6])
    if (versions.filter((one) => one === version).length > 1)
      throw invalid(`only one IPv${version} host gateway IP address can be specified`);
}

/** A container's own cgroup is below it. */
function checkCgroupParent(parent: string): void {
  try {
    checkCgroupsPath(posix.resolve('/', parent, '0'.repeat(64)));
  } catch {
    throw invalid(`invalid --cgroup-parent "${parent}": expected a cgroup below the root, like /causeway`);
  }
}

function checkBridges(config: DaemonConfig): void {
  for (const [flag, name] of [
    ['bridge', config.bridgeName],
    ['default-bridge-name', config.defaultBridgeName],
  ] as const) {
    const complaint = name === '' ? undefined : linkNameComplaint(name);
    if (complaint !== undefined) throw invalid(`invalid --${flag} "${name}": ${complaint}`);
  }
  for (const [flag, bip] of [
    ['bip', config.bip],
    ['bip6', config.bip6],
  ] as const) {
    const address = bip.slice(0, bip.indexOf('/'));
    if (bip !== '' && (bip.endsWith('/0') || NO_HOSTS.some((subnet) => subnetContains(subnet, address))))
      throw invalid(`invalid --${flag} "${bip}": no bridge can have this address`);
  }
  if (config.bridgeName === 'none') return;
  for (const [flag, address, range] of [
    ['default-gateway', config.defaultGateway, config.bip || config.fixedCidr],
    ['default-gateway-v6', config.defaultGatewayV6, config.bip6 || config.fixedCidrV6],
  ] as const) {
    const subnet = parseSubnet(range);
    if (address !== '' && subnet && !subnetContains(subnet, address))
      throw invalid(
        `invalid --${flag} "${address}": the subnet of the default bridge, ${formatSubnet(subnet)}, doesn't contain this address`,
      );
  }
  try {
    checkDefaultBridge(config);
  } catch (error) {
    throw invalid(`the default bridge: ${errorMessage(error)}`, error);
  }
}

/** What a start refuses and --validate reports one by one. @throws invalid in dockerd's words */
export function refuseLogOptions({ logDriver, logOptions }: DaemonConfig): void {
  try {
    checkLogConfig(logDriver, logOptions);
  } catch (error) {
    throw invalid(`failed to set log opts: ${errorMessage(error)}`, error);
  }
}

export interface ConfigFindings {
  /** What will fail. */
  readonly problems: readonly string[];
  /** What has no effect. */
  readonly notes: readonly string[];
}

/** What a start would refuse by looking at this host, and what only later uses would. */
export function examineConfig(config: DaemonConfig): ConfigFindings {
  const problems: string[] = [];
  const attempt = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      problems.push(errorMessage(error));
    }
  };
  attempt(() => void socketGroup(config.socketGroup));
  if (config.defaultRuntime !== '')
    attempt(() => void chooseNamedRuntime(runtimeTable(config.runtimes), config.defaultRuntime));
  attempt(() => void loadSeccompProfile(config.seccompProfile));
  attempt(() => void tlsOptions(config.tls));
  if (config.initPath !== '' && initProgram(config.initPath) === '')
    problems.push(`invalid --init-path "${config.initPath}": there is no such program`);
  for (const [flag, directory] of [
    ['data-root', config.dataRoot],
    ['exec-root', config.execRoot],
    ['pidfile', dirname(config.pidFile)],
  ] as const)
    attempt(() => refuseFileInTheWay(flag, directory));
  const notes = [
    ...config.notes,
    ...integrationNotes(config),
    ...poolNotes(config),
    ...networkOptionFindings(config, attempt),
  ];
  const unknown = unknownLogOptions(config.logDriver, config.logOptions);
  problems.push(...unknown.map(({ problem }) => problem));
  const known = Object.entries(config.logOptions).filter(([key]) => !unknown.some(({ name }) => name === key));
  attempt(() => checkLogConfig(config.logDriver, Object.fromEntries(known)));
  return { problems, notes };
}

/** As far as the path is there, it is one of directories. */
function refuseFileInTheWay(flag: string, path: string): void {
  for (let there = path; ; there = dirname(there)) {
    const found = statIfThere(there);
    if (found && !found.isDirectory())
      throw invalid(`invalid --${flag} "${path}": ${there} is a file and no directory`);
    if (found || there === '/') return;
  }
}

/** Also below a file nothing is there. */
function statIfThere(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function checkRegistry(registry: string): void {
  if (registry.includes('://'))
    throw invalid(`invalid --insecure-registry "${registry}": insecure registry ${registry} should not contain '://'`);
  const isName = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$/.test(registry) && !/^-|-$/.test(registry);
  if (!isName && ipVersion(registry) === 0 && parseSubnet(registry) === undefined)
    throw invalid(`invalid --insecure-registry "${registry}": expected HOST, HOST:PORT or a subnet`);
}

/** What an option does that its name does not say; the daemon logs it too. */
export function integrationNotes({ integrationUnsaid, firewallIntegration, ip6tablesWay }: DaemonConfig): string[] {
  if (integrationUnsaid)
    return [
      '--iptables=false turns --firewall-integration off: no way is made for containers in other firewalls of this host; --firewall-integration=true makes it',
    ];
  if (!firewallIntegration || ip6tablesWay) return [];
  return [
    '--ip6tables=false: no way is made for containers in rules of ip6tables and ufw about IPv6 (in those of iptables, and in firewalld, whose zones are of both versions, it is); --firewall-integration=true makes it',
  ];
}

/** As Docker, a pool inside another one is skipped. */
function poolNotes({ addressPools }: DaemonConfig): string[] {
  const subnets = addressPools.map(({ base }) => parseSubnet(base)!);
  return subnets.flatMap((subnet, index) =>
    subnets
      .slice(0, index)
      .filter((other) => subnetsOverlap(subnet, other))
      .map(
        (other) =>
          `the default address pools ${formatSubnet(other)} and ${formatSubnet(subnet)} overlap: only the larger one, or the first, is used`,
      ),
  );
}

function networkOptionFindings({ networkOptions }: DaemonConfig, attempt: (work: () => void) => void): string[] {
  return Object.entries(networkOptions).flatMap(([driver, options]) => {
    if (!['bridge', 'macvlan', 'ipvlan'].includes(driver))
      return [
        `--default-network-opt for "${driver}" has no effect: the drivers with options are bridge, macvlan and ipvlan`,
      ];
    attempt(() => checkOptions({ options }));
    return unknownOptionWarnings({ options });
  });
}
