/** What `info` and `version` tell: facts of the host that the daemon gathers, and counts of the engine. */
import type { ContainerTable } from '../container/container-table.ts';
import type { ImageStore } from '../../image/image-store.ts';

export interface HostSummary {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly gitCommit: string;
  readonly buildTime: string;
  readonly kernelVersion: string;
  readonly operatingSystem: string;
  readonly osVersion: string;
  readonly architecture: string;
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
  readonly firewall: readonly (readonly [string, string])[]; // what it is told to do: by option
  readonly warnings: readonly string[];
  readonly labels: readonly string[];
  readonly experimental: boolean;
  readonly initBinary: string;
  readonly registries: { readonly mirrors: readonly string[]; readonly insecureRegistries: readonly string[] };
  readonly proxies: { readonly httpProxy: string; readonly httpsProxy: string; readonly noProxy: string };
  readonly addressPools: readonly { base: string; size: number }[];
  readonly components: readonly { name: string; version: string; details: Readonly<Record<string, string>> }[];
  readonly startedAt: string;
}

export interface ContainerCounts {
  readonly containers: number;
  readonly running: number;
  readonly paused: number;
  readonly stopped: number;
  readonly images: number;
}

export function countContainers(table: ContainerTable, images: ImageStore): ContainerCounts {
  const records = table.all();
  const paused = records.filter((record) => record.state.status === 'paused').length;
  const running = records.filter(
    (record) => record.state.status === 'running' || record.state.status === 'restarting',
  ).length;
  return {
    containers: records.length,
    running,
    paused,
    stopped: records.length - running - paused,
    images: images.list().length,
  };
}
