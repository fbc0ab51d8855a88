/** What `info` and `version` say: facts of the host and of the daemon, and counts of what it has. */
export interface HostSummary {
  readonly id: string;
  readonly name: string; // the host's name
  readonly version: string;
  readonly gitCommit: string;
  readonly buildTime: string;
  readonly kernelVersion: string;
  readonly operatingSystem: string; // 'Debian GNU/Linux 12 (bookworm)'
  readonly osVersion: string;
  readonly architecture: string; // 'x86_64'
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly rootDir: string;
  readonly cgroupVersion: '1' | '2';
  readonly cgroupDriver: string;
  readonly defaultRuntime: string;
  readonly runtimes: Readonly<Record<string, { path: string; version: string }>>;
  readonly storageStatus: readonly (readonly [string, string])[];
  readonly securityOptions: readonly string[];
  readonly ipForward: boolean;
  readonly bridgeNfIptables: boolean;
  readonly bridgeNfIp6tables: boolean;
  readonly debug: boolean;
  readonly liveRestore: boolean;
  readonly logDriver: string;
  readonly firewall: readonly (readonly [string, string])[]; // its settings: by option
  readonly warnings: readonly string[];
  readonly labels: readonly string[];
  readonly experimental: boolean;
  readonly initBinary: string; // the name of containers' init
  readonly registries: { readonly mirrors: readonly string[]; readonly insecureRegistries: readonly string[] };
  /** '' = none; with names and passwords made unreadable. */
  readonly proxies: { readonly httpProxy: string; readonly httpsProxy: string; readonly noProxy: string };
  readonly addressPools: readonly { base: string; size: number }[];
  /** Directories of CDI specifications, and what was found there: 'vendor.com/class=device'. */
  readonly cdi: { readonly directories: readonly string[]; readonly devices: readonly string[] };
  readonly components: readonly { name: string; version: string; details: Readonly<Record<string, string>> }[];
  readonly startedAt: string;
  /** Of the daemon's process, when asked: open descriptors; connections, files and programs at work (Docker: goroutines). */
  readonly activity: { readonly descriptors: number; readonly tasks: number };
}

export interface ContainerCounts {
  readonly containers: number;
  readonly running: number;
  readonly paused: number;
  readonly stopped: number;
  readonly images: number;
}

export interface SystemFacts extends HostSummary {
  readonly counts: ContainerCounts;
  readonly eventListeners: number;
}
