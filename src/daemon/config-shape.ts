/** The daemon's options as its parts use them. */
import type { LogLevel } from '../base/log.ts';
import type { BuildCacheBounds } from '../model/build-cache.ts';
import type { UlimitSpec } from '../model/ulimit.ts';
import type { RuntimeEntry } from './options/runtime-entry.ts';

/** TLS on TCP sockets: off, without certificates of clients, or with. */
export interface TlsConfig {
  readonly mode: 'off' | 'server' | 'verify';
  /** Turned off, or verification, in so many words: nobody has to be warned. */
  readonly isExplicit: boolean;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** What pulls and pushes use. */
export interface RegistryConfig {
  readonly mirrors: readonly string[]; // with a slash at the end
  readonly insecureRegistries: readonly string[];
  readonly maxConcurrentDownloads: number;
  readonly maxConcurrentUploads: number;
  readonly maxDownloadAttempts: number;
  readonly proxies: ProxyConfig;
}

/** '' = as the environment says. */
export interface ProxyConfig {
  readonly httpProxy: string;
  readonly httpsProxy: string;
  readonly noProxy: string;
}

/** What counts for containers that do not say otherwise. */
export interface ContainerDefaults {
  readonly logDriver: string;
  readonly logOptions: Readonly<Record<string, string>>;
  readonly cgroupParent: string;
  readonly shmSizeBytes: number;
  readonly ipcMode: 'private' | 'shareable';
  readonly cgroupnsMode: 'private' | 'host' | ''; // '' = by the cgroup version
  readonly ulimits: readonly UlimitSpec[];
  readonly init: boolean;
  readonly initPath: string; // '' = looked for
  readonly noNewPrivileges: boolean;
  readonly seccompProfile: string; // 'builtin', 'unconfined' or a path
}

export interface DaemonConfig extends RegistryConfig, ContainerDefaults {
  readonly buildCache: BuildCacheBounds;
  readonly hosts: readonly string[];
  readonly socketGroup: string; // '' = docker where it exists
  readonly tls: TlsConfig;
  readonly minApiVersion: string; // '' = the oldest that is served
  readonly apiLegacyFields: boolean;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly pidFile: string;
  readonly configFile: string;
  readonly metricsAddress: string; // '' = none
  readonly oomScoreAdjust: number | undefined;
  readonly experimental: boolean;
  /** Undefined: CDI is turned off. */
  readonly cdiSpecDirs: readonly string[] | undefined;
  readonly features: readonly string[]; // 'buildkit=true'
  readonly bridgeName: string; // '' = the engine makes one
  readonly defaultBridgeName: string; // '' = chosen
  readonly bip: string;
  readonly fixedCidr: string;
  readonly bip6: string;
  readonly fixedCidrV6: string;
  readonly defaultGateway: string;
  readonly defaultGatewayV6: string;
  readonly networkOptions: Readonly<Record<string, Readonly<Record<string, string>>>>; // by driver
  readonly addressPools: readonly { base: string; size: number }[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly dnsTtlS: number;
  readonly icc: boolean;
  readonly ipv6: boolean;
  readonly mtu: number;
  readonly hostBindingIp: string;
  readonly hostGatewayIps: readonly string[]; // of each family at most one
  readonly ipForward: boolean;
  readonly firewallIntegration: boolean;
  readonly ip6tablesWay: boolean; // false: rules of ip6tables are left alone
  readonly integrationUnsaid: boolean; // off because of --iptables=false
  readonly directRouting: boolean;
  readonly inputPolicy: boolean;
  readonly ipMasq: boolean;
  readonly liveRestore: boolean;
  readonly linksFollowNames: boolean;
  readonly logLevel: LogLevel;
  /** Undefined: sentences at a terminal, JSON elsewhere. */
  readonly logFormat: 'json' | 'text' | undefined;
  readonly runtimes: Readonly<Record<string, RuntimeEntry>>;
  readonly defaultRuntime: string; // '' = chosen
  readonly labels: readonly string[];
  readonly shutdownTimeoutS: number; // negative: without end
  readonly notes: readonly string[]; // of options that have no effect
}
