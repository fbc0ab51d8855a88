/** What the use-cases share. Built once by `createEngine`; every part has one owner. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Archives } from '../image/archives.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { RootfsStore } from '../image/rootfs.ts';
import type { NetworkService } from '../network/service.ts';
import type { MountSources } from '../oci/mount-sources.ts';
import type { Patience } from '../oci/patience.ts';
import type { Runtime } from '../oci/runtime.ts';
import type { AsideRecord } from '../store/aside.ts';
import type { AttachHub } from './container/attach-hub.ts';
import type { NameReservations } from './container/container-name.ts';
import type { ContainerTable } from './container/container-table.ts';
import type { ExitWaits } from './container/exit-waits.ts';
import type { HealthMonitor } from './container/health-monitor.ts';
import type { RunningCopies } from './container/running-copies.ts';
import type { RestartTimers } from './container/restart-policy.ts';
import type { ExecTable } from './exec/exec-table.ts';
import type { EventBus } from './system/event-bus.ts';
import type { VolumeService } from './volume/volume-service.ts';

export interface EngineConfig {
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly defaultRuntime: string;
  readonly runtimeNames: readonly string[];
  /** The host's name: the hostname of containers on the host's network. */
  readonly hostname: string;
  readonly cgroupMode: 'v1' | 'hybrid' | 'v2';
  /** The parent of containers' cgroups, '/causeway'. */
  readonly cgroupParent: string;
  /** docker-init's program on the host, '' when there is none. */
  readonly initPath: string;
  readonly initByDefault: boolean;
  readonly shmSizeBytes: number;
  /** Follow a source that was removed and created again under its name. */
  readonly linksFollowNames: boolean;
  readonly logDriver: string;
  readonly logOptions: Readonly<Record<string, string>>;
  readonly patience: Patience;
}

export interface EngineContext {
  readonly config: EngineConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly containers: ContainerTable;
  /** Containers whose records cannot be read, by id: nothing of them is touched. */
  readonly setAside: ReadonlyMap<string, AsideRecord>;
  readonly names: NameReservations;
  readonly images: ImageStore;
  readonly rootfs: RootfsStore;
  readonly runtime: Runtime;
  readonly network: NetworkService;
  readonly volumes: VolumeService;
  readonly sources: MountSources;
  readonly archives: Archives;
  readonly events: EventBus;
  readonly waits: ExitWaits;
  readonly attaches: AttachHub;
  readonly copies: RunningCopies;
  readonly execs: ExecTable;
  readonly restarts: RestartTimers;
  readonly health: HealthMonitor;
}
