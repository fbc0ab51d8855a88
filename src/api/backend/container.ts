/**
 * What the container routes need of an engine. `ref` is an id, a unique id prefix, a name, or a link name ('web/db').
 */
import type { ContainerSpec, ContainerUpdate } from '../../model/container.ts';
import type { Platform } from '../../model/platform.ts';
import type { PortBindings, PublishedPort } from '../../model/port.ts';
import type { Filters } from '../../model/filters.ts';
import type { ContainerView, ListedContainer } from '../../model/views.ts';

export interface ContainerListOptions {
  readonly all: boolean;
  readonly limit: number; // 0 = no limit
  readonly size: boolean;
  /**
   * Docker's filters, as parsed: 'status' -> ['running'], 'label' -> ['a=b'], ... Unknown names are the engine's to
   * refuse.
   */
  readonly filters: Filters;
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface ContainerLifecycle {
  /** '' = choose a name; without `platform` whatever the image is for. */
  create(name: string, spec: ContainerSpec, platform?: Platform): Promise<{ id: string; warnings: string[] }>;
  start(ref: string): Promise<void>; // notModified when running
  stop(ref: string, options: { signal?: string; timeoutS?: number }): Promise<void>; // notModified when stopped
  restart(ref: string, options: { signal?: string; timeoutS?: number }): Promise<void>;
  kill(ref: string, signal: string): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  remove(ref: string, options: { force: boolean; volumes: boolean; link: boolean }): Promise<void>;
  rename(ref: string, name: string): Promise<void>;
  update(ref: string, changes: ContainerUpdate): Promise<{ warnings: string[] }>;
}

export interface ContainerStats {
  readonly readAt: string;
  readonly pids: { current: number; limit: number };
  readonly cpu: {
    totalNs: number;
    userNs: number;
    systemNs: number;
    hostNs: number;
    onlineCpus: number;
    perCpuNs: number[];
    throttled: { periods: number; throttledPeriods: number; throttledNs: number };
  };
  readonly memory: { usage: number; limit: number; maxUsage: number; stats: Record<string, number> };
  readonly blkio: { op: string; major: number; minor: number; value: number }[];
  readonly networks: Record<
    string,
    {
      rxBytes: number;
      rxPackets: number;
      rxErrors: number;
      rxDropped: number;
      txBytes: number;
      txPackets: number;
      txErrors: number;
      txDropped: number;
    }
  >;
}

export interface ContainerQueries {
  inspect(ref: string, options: { size: boolean }): Promise<ContainerView>;
  list(options: ContainerListOptions): Promise<ListedContainer[]>;
  /** Resolves at once; `exited` resolves when the condition is met. 'removed' also answers with the exit code. */
  wait(
    ref: string,
    condition: WaitCondition,
    signal: AbortSignal,
  ): Promise<{ exited: Promise<{ exitCode: number; error: string }> }>;
  top(ref: string, psArgs: string): Promise<{ titles: string[]; processes: string[][] }>;
  /** One sample now; the api computes nothing, but asks twice a second apart for a stream. null when stopped. */
  stats(ref: string): Promise<{ id: string; name: string; stats: ContainerStats | null }>;
  changes(ref: string): Promise<{ kind: 0 | 1 | 2; path: string }[]>; // modified, added, deleted
  prune(filters: Filters): Promise<{ deleted: string[]; spaceReclaimedBytes: number }>;
}

/**
 * Published ports that come and go; what changed now, nothing where the container does not run and its next start is
 * meant.
 */
export interface ContainerPorts {
  addPorts(ref: string, bindings: PortBindings): Promise<{ running: boolean; ports: readonly PublishedPort[] }>;
  /** '' as host port or address: whatever is published. */
  removePorts(ref: string, bindings: PortBindings): Promise<{ running: boolean; ports: readonly PublishedPort[] }>;
}
