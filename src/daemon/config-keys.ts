/** The keys of daemon.json that fields of the configuration come from: what a user has written, in words for a user. */
import type { DaemonConfig } from './config-shape.ts';
import type { RawOptions } from './options/read.ts';
import { DAEMON_OPTIONS } from './options/table.ts';

/** Where several decide, the one that usually does is first. */
export const CONFIG_KEYS: Readonly<Record<keyof DaemonConfig, readonly string[]>> = {
  hosts: ['hosts'],
  socketGroup: ['group'],
  tls: ['tls', 'tlsverify', 'tlscacert', 'tlscert', 'tlskey'],
  minApiVersion: ['min-api-version'],
  apiLegacyFields: ['api-legacy-fields'],
  dataRoot: ['data-root'],
  execRoot: ['exec-root'],
  pidFile: ['pidfile'],
  configFile: [],
  metricsAddress: ['metrics-addr'],
  oomScoreAdjust: ['oom-score-adjust'],
  experimental: ['experimental'],
  cdiSpecDirs: ['cdi-spec-dirs'],
  features: ['features'],
  buildCache: ['builder'],
  bridgeName: ['bridge'],
  defaultBridgeName: ['default-bridge-name'],
  bip: ['bip'],
  fixedCidr: ['fixed-cidr'],
  bip6: ['bip6'],
  fixedCidrV6: ['fixed-cidr-v6'],
  defaultGateway: ['default-gateway'],
  defaultGatewayV6: ['default-gateway-v6'],
  networkOptions: ['default-network-opts'],
  addressPools: ['default-address-pools'],
  dns: ['dns'],
  dnsSearch: ['dns-search'],
  dnsOptions: ['dns-opts'],
  dnsTtlS: ['dns-ttl'],
  icc: ['icc'],
  ipv6: ['ipv6'],
  mtu: ['mtu'],
  hostBindingIp: ['ip'],
  hostGatewayIps: ['host-gateway-ips'],
  ipForward: ['ip-forward'],
  firewallIntegration: ['iptables', 'firewall-integration'],
  ip6tablesWay: ['ip6tables', 'firewall-integration'],
  integrationUnsaid: ['iptables', 'firewall-integration'],
  directRouting: ['allow-direct-routing'],
  inputPolicy: ['respect-input-policy'],
  ipMasq: ['ip-masq'],
  liveRestore: ['live-restore'],
  linksFollowNames: ['links-follow-names'],
  logLevel: ['debug', 'log-level'],
  logFormat: ['log-format'],
  runtimes: ['runtimes'],
  defaultRuntime: ['default-runtime'],
  labels: ['labels'],
  shutdownTimeoutS: ['shutdown-timeout'],
  notes: [],
  mirrors: ['registry-mirrors'],
  insecureRegistries: ['insecure-registries'],
  maxConcurrentDownloads: ['max-concurrent-downloads'],
  maxConcurrentUploads: ['max-concurrent-uploads'],
  maxDownloadAttempts: ['max-download-attempts'],
  proxies: ['proxies'],
  logDriver: ['log-driver'],
  logOptions: ['log-opts'],
  cgroupParent: ['cgroup-parent'],
  shmSizeBytes: ['default-shm-size'],
  ipcMode: ['default-ipc-mode'],
  cgroupnsMode: ['default-cgroupns-mode'],
  ulimits: ['default-ulimits'],
  init: ['init'],
  initPath: ['init-path'],
  noNewPrivileges: ['no-new-privileges'],
  seccompProfile: ['seccomp-profile'],
};

/**
 * The keys behind what differs between two configurations, sorted. `read`: the options as they are now, which say which
 * of several keys was written.
 */
export function changedKeys(a: DaemonConfig, b: DaemonConfig, read: RawOptions): string[] {
  const fields = (Object.keys(CONFIG_KEYS) as (keyof DaemonConfig)[]).filter(
    (name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]),
  );
  return [...new Set(fields.flatMap((name) => writtenOf(CONFIG_KEYS[name], read)))].sort();
}

function writtenOf(keys: readonly string[], { texts, lists, switches }: RawOptions): readonly string[] {
  const given = new Set([texts, lists, switches].flatMap((options) => Object.keys(options)));
  const written = DAEMON_OPTIONS.filter(({ name, key }) => keys.includes(key) && given.has(name));
  return written.length > 0 ? written.map(({ key }) => key) : keys.slice(0, 1);
}
