import type { EngineEvent } from '../../model/event.ts';
import type { Filters } from '../../model/filters.ts';
import type { ArchiveBackend } from './archive.ts';
import type { BuildBackend } from './build.ts';
import type { ContainerLifecycle, ContainerPorts, ContainerQueries } from './container.ts';
import type { ImageBackend } from './image.ts';
import type { NameBackend } from './names.ts';
import type { NetworkBackend } from './network.ts';
import type { StreamBackend } from './stream.ts';
import type { VolumeBackend } from './volume.ts';
import type { SystemFacts } from '../../model/host-summary.ts';

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
  readonly builds: BuildBackend;
  readonly system: SystemBackend;
}
