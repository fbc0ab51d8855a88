/** What `info` and `version` say of the daemon, its settings and its host. */
import { basename } from 'node:path';
import type { CdiListing } from '../oci/cdi/cdi-registry.ts';
import type { Runtime } from '../oci/runtime.ts';
import { apiWarnings } from './api-sockets.ts';
import { openDescriptors } from './client-limits.ts';
import type { DaemonConfig } from './config-shape.ts';
import { flagOf, hostBasics, initProgram } from './host-facts.ts';
import { stateWarnings } from './state-report.ts';
import type { HostSummary } from '../model/host-summary.ts';

export interface InfoParts {
  readonly id: string;
  readonly build: { readonly version: string; readonly gitCommit: string; readonly buildTime: string };
  readonly cgroupMode: 'v1' | 'hybrid' | 'v2';
  readonly defaultRuntime: string;
  readonly startedAt: string;
  readonly versions: Awaited<ReturnType<Runtime['version']>>;
  readonly networkWarnings: readonly string[];
  readonly cdi: CdiListing;
}

export function infoFacts(config: DaemonConfig, parts: InfoParts): HostSummary {
  const { cgroupMode, versions } = parts;
  return {
    ...hostBasics(),
    ...parts.build,
    id: parts.id,
    rootDir: config.dataRoot,
    cgroupVersion: cgroupMode === 'v2' ? '2' : '1',
    cgroupDriver: 'cgroupfs',
    defaultRuntime: parts.defaultRuntime,
    runtimes: versions.runtimes,
    storageStatus: [
      ['Backing Filesystem', 'extfs'],
      ['Supports d_type', 'true'],
    ],
    // Docker's client shows the last two nowhere else.
    securityOptions: [
      ...(config.seccompProfile === 'unconfined' ? [] : [`name=seccomp,profile=${config.seccompProfile}`]),
      ...(cgroupMode === 'v2' ? ['name=cgroupns'] : []),
      ...(config.noNewPrivileges ? ['name=no-new-privileges'] : []),
      ...(config.firewallIntegration ? ['name=firewall-integration'] : []),
      ...(config.inputPolicy ? ['name=respect-input-policy'] : []),
    ],
    ipForward: flagOf('/proc/sys/net/ipv4/ip_forward'),
    bridgeNfIptables: flagOf('/proc/sys/net/bridge/bridge-nf-call-iptables'),
    bridgeNfIp6tables: flagOf('/proc/sys/net/bridge/bridge-nf-call-ip6tables'),
    debug: config.logLevel === 'debug',
    liveRestore: config.liveRestore,
    logDriver: config.logDriver,
    firewall: [
      ['firewall-integration', String(config.firewallIntegration)],
      ['respect-input-policy', String(config.inputPolicy)],
    ],
    warnings: [
      ...config.notes,
      ...apiWarnings(config),
      ...stateWarnings(config.dataRoot),
      ...parts.networkWarnings,
      ...parts.cdi.warnings,
    ],
    labels: config.labels,
    experimental: config.experimental,
    initBinary: basename(config.initPath || initProgram('') || 'docker-init'),
    registries: { mirrors: config.mirrors, insecureRegistries: config.insecureRegistries },
    proxies: {
      httpProxy: maskCredentials(proxyOf('HTTP_PROXY')),
      httpsProxy: maskCredentials(proxyOf('HTTPS_PROXY')),
      noProxy: proxyOf('NO_PROXY'),
    },
    addressPools: config.addressPools,
    cdi: { directories: config.cdiSpecDirs ?? [], devices: parts.cdi.devices },
    components: componentsOf(versions),
    startedAt: parts.startedAt,
    activity: activity(),
  };
}

/** What is open and at work in this process. Timers say nothing of what it does for anybody. */
function activity(): HostSummary['activity'] {
  return {
    descriptors: openDescriptors(),
    tasks: process.getActiveResourcesInfo().filter((kind) => kind !== 'Timeout' && kind !== 'Immediate').length,
  };
}

function proxyOf(name: string): string {
  return process.env[name] ?? process.env[name.toLowerCase()] ?? '';
}

/** As dockerd shows them: nothing of the name and the password. */
function maskCredentials(address: string): string {
  return address.replace(/^([a-z][a-z0-9+.-]*:\/\/)?[^/?#]*@/i, '$1xxxxx:xxxxx@');
}

function componentsOf({ runtimes, conmon }: InfoParts['versions']): HostSummary['components'] {
  const number = (text: string): string => /\d+\.\d+[^\s,]*/.exec(text)?.[0] ?? text;
  return [
    { name: 'conmon', version: number(conmon), details: {} },
    ...Object.entries(runtimes).map(([name, one]) => ({
      name,
      version: number(one.version),
      details: { Path: one.path },
    })),
  ];
}
