import type { EngineEvent } from '../../model/event.ts';
import type { Filters } from '../../model/filters.ts';
import type { ArchiveBackend } from './archive.ts';
import type { ContainerLifecycle, ContainerPorts, ContainerQueries } from './container.ts';
import type { ImageBackend } from './image.ts';
import type { NameBackend } from './names.ts';
import type { NetworkBackend } from './network.ts';
import type { StreamBackend } from './stream.ts';
import type { VolumeBackend } from './volume.ts';

export interface SystemFacts {
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
  readonly counts: { containers: number; running: number; paused: number; stopped: number; images: number };
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
  readonly components: readonly { name: string; version: string; details: Readonly<Record<string, string>> }[];
  readonly startedAt: string;
}

export interface DiskUsage {
  readonly imageBytes: number;
}

export interface SystemBackend {
  facts(): Promise<SystemFacts>;
  /**
   * Past events where either time is given, from `sinceNs` on, and live ones until `untilNs` or the signal. Negative times
   * are before 1970.
   */
  events(
    options: { sinceNs: bigint | undefined; untilNs: bigint | undefined; filters: Filters },
    signal: AbortSignal,
  ): AsyncIterable<EngineEvent>;
  diskUsage(): Promise<DiskUsage>;
  /** Checks a login against a registry; the api's POST /auth. */
  login(auth: {
    username: string;
    password: string;
    serverAddress: string;
  }): Promise<{ status: string; identityToken: string }>;
}

/** Everything the api needs; the daemon hands it over. */
export interface Backend {
  readonly containers: ContainerLifecycle & ContainerQueries & ContainerPorts;
  readonly streams: StreamBackend;
  readonly archives: ArchiveBackend;
  readonly networks: NetworkBackend;
  readonly names: NameBackend;
  readonly images: ImageBackend;
  readonly volumes: VolumeBackend;
  readonly system: SystemBackend;
}
