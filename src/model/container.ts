/**
 * The container as the engine keeps it. A ContainerSpec is what the user asked for (the API's Config, HostConfig and
 * NetworkingConfig in one readonly value); a ContainerRecord adds what became of it. Both are plain JSON values.
 */
import type { EndpointSpec } from './endpoint.ts';
import type { Healthcheck, HealthState } from './health.ts';
import type { MountPoint, MountSpec } from './mount.ts';
import type { PortBindings } from './port.ts';
import type { ResourceSpec } from './resources.ts';

export interface RestartPolicy {
  readonly name: 'no' | 'always' | 'on-failure' | 'unless-stopped';
  readonly maximumRetryCount: number;
}

export interface LogConfig {
  readonly type: string; // 'json-file' | 'none' | 'local'
  readonly config: Readonly<Record<string, string>>;
}

/** What runs in the container. */
export interface ProcessSpec {
  readonly hostname: string; // '' when the engine chooses (the short id)
  readonly domainname: string;
  readonly user: string;
  readonly env: readonly string[]; // 'KEY=value', the image's merged in at create
  readonly cmd: readonly string[] | null;
  readonly entrypoint: readonly string[] | null;
  readonly workingDir: string;
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly stdinOnce: boolean;
  readonly attachStdin: boolean;
  readonly attachStdout: boolean;
  readonly attachStderr: boolean;
  readonly stopSignal: string; // '' = SIGTERM
  readonly stopTimeoutS: number | null; // null = the default of 10 s
  readonly healthcheck: Healthcheck | null;
  readonly argsEscaped?: boolean;
}

/** How it is confined and what it may use of the host. */
export interface HostSpec {
  readonly binds: readonly string[]; // 'src:dst[:opts]' as given
  readonly mounts: readonly MountSpec[];
  /** Of API clients older than 1.44, for whom mounts below a read-only bind stay writable. */
  readonly readonlyTopOnly?: boolean;
  readonly tmpfs: Readonly<Record<string, string>>; // path -> options
  readonly volumesFrom: readonly string[];
  readonly volumeDriver: string;
  readonly containerIdFile: string;
  readonly restartPolicy: RestartPolicy;
  readonly autoRemove: boolean;
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly groupAdd: readonly string[];
  readonly readonlyRootfs: boolean;
  readonly securityOpt: readonly string[];
  readonly maskedPaths: readonly string[] | null; // null = Docker's defaults
  readonly readonlyPaths: readonly string[] | null;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly init: boolean | null;
  readonly runtime: string; // '' = the daemon's default
  readonly isolation?: string; // 'default' as it was sent: there is nothing else on Linux
  readonly logConfig: LogConfig;
  readonly ipcMode: string; // '' | 'none' | 'private' | 'shareable' | 'host' | 'container:ID'
  readonly pidMode: string; // '' | 'host' | 'container:ID'
  readonly utsMode: string; // '' | 'host'
  readonly usernsMode: string;
  readonly cgroupnsMode: string; // '' | 'private' | 'host'
  readonly cgroupParent: string;
  readonly oomScoreAdj: number;
  readonly shmSizeBytes: number;
  readonly storageOpt: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly consoleSize: readonly [number, number]; // rows, columns
  readonly resources: ResourceSpec;
}

/** How it is connected. */
export interface ConnectionSpec {
  readonly networkMode: string; // 'default' | 'bridge' | 'host' | 'none' | 'container:REF' | a network's name or id
  readonly networks: Readonly<Record<string, EndpointSpec>>; // by the network's name or id, as the user gave it
  readonly links: readonly string[]; // 'source:alias' as given
  readonly exposedPorts: readonly string[]; // '80/tcp'; the image's merged in at create
  readonly portBindings: PortBindings; // '80/tcp' -> bindings
  readonly publishAllPorts: boolean;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly extraHosts: readonly string[]; // 'name:ip' as given; 'host-gateway' allowed as ip
  readonly macAddress: string; // the pre-1.44 container-wide field
}

export interface ContainerSpec {
  readonly image: string; // as the user wrote it
  readonly labels: Readonly<Record<string, string>>; // the image's merged in at create
  readonly volumes: readonly string[]; // paths of anonymous volumes; the image's merged in at create
  readonly shell: readonly string[] | null;
  readonly onBuild: readonly string[] | null;
  /** A step of a build that is under way: it does not outlive its daemon. */
  readonly buildStep?: boolean;
  readonly process: ProcessSpec;
  readonly host: HostSpec;
  readonly connection: ConnectionSpec;
}

export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

export interface ContainerState {
  readonly status: ContainerStatus;
  readonly pid: number; // 0 when not running
  readonly exitCode: number;
  readonly error: string; // why the last start failed
  readonly oomKilled: boolean;
  readonly startedAt: string; // RFC 3339, ZERO_TIME when never
  readonly finishedAt: string;
  readonly health: HealthState | null;
}

export interface ContainerRecord {
  readonly id: string;
  readonly name: string; // without the slash
  readonly createdAt: string;
  readonly imageId: string; // 'sha256:...' config digest
  readonly spec: ContainerSpec;
  readonly path: string; // what is executed: entrypoint and cmd resolved
  readonly args: readonly string[];
  readonly state: ContainerState;
  readonly restartCount: number;
  readonly stoppedByUser: boolean; // `unless-stopped` looks at this
  readonly mounts: readonly MountPoint[]; // resolved at create
  /** Wanted connections by network id, in the order they were made; live ones are endpoints. */
  readonly connections: readonly Connection[];
  /** Whose network its last run lived in, where that was another container's. */
  readonly networkOwnerId?: string;
  /** Links on the default bridge, resolved. */
  readonly links: readonly Link[];
}

export interface Connection {
  readonly networkId: string;
  readonly networkName: string;
  /** The interface that it had in the last run, and has again in the next. */
  readonly ifname?: string;
  readonly spec: EndpointSpec;
}

export interface Link {
  readonly sourceId: string;
  readonly sourceName: string; // the name at the time the link was made or renamed
  readonly alias: string;
}

/** What `update` changes; what is absent stays. */
export interface ContainerUpdate {
  readonly resources: Partial<ResourceSpec>;
  readonly restartPolicy?: RestartPolicy;
}
