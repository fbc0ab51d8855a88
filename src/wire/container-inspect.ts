/** What GET /containers/{id}/json answers, field for field as Docker 28 does. */
type Texts = readonly string[];
type TextMap = Readonly<Record<string, string>>;

export interface HealthcheckJson {
  Test?: Texts;
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

export interface ConfigJson {
  Hostname: string;
  Domainname: string;
  User: string;
  AttachStdin: boolean;
  AttachStdout: boolean;
  AttachStderr: boolean;
  ExposedPorts?: Record<string, object>;
  Tty: boolean;
  OpenStdin: boolean;
  StdinOnce: boolean;
  Env: Texts | null;
  Cmd: Texts | null;
  Healthcheck?: HealthcheckJson;
  ArgsEscaped?: boolean;
  Image: string;
  Volumes: Record<string, object> | null;
  WorkingDir: string;
  Entrypoint: Texts | null;
  MacAddress?: string;
  OnBuild: Texts | null;
  Labels: TextMap;
  StopSignal?: string;
  StopTimeout?: number;
  Shell?: Texts;
}

export interface PortBindingJson {
  HostIp: string;
  HostPort: string;
}

export type PortMapJson = Record<string, PortBindingJson[] | null>;

export interface MountSpecJson {
  Type: string;
  Source?: string;
  Target: string;
  ReadOnly?: boolean;
  BindOptions?: {
    Propagation?: string;
    NonRecursive?: boolean;
    CreateMountpoint?: boolean;
    ReadOnlyNonRecursive?: boolean;
    ReadOnlyForceRecursive?: boolean;
  };
  VolumeOptions?: {
    NoCopy?: boolean;
    Labels?: TextMap;
    Subpath?: string;
    DriverConfig?: { Name?: string; Options?: TextMap };
  };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number };
  ImageOptions?: { Subpath?: string };
}

export interface HostConfigJson {
  Binds: Texts | null;
  ContainerIDFile: string;
  LogConfig: { Type: string; Config: TextMap };
  NetworkMode: string;
  PortBindings: PortMapJson;
  RestartPolicy: { Name: string; MaximumRetryCount: number };
  AutoRemove: boolean;
  VolumeDriver: string;
  VolumesFrom: Texts | null;
  ConsoleSize: readonly [number, number];
  Annotations?: TextMap;
  CapAdd: Texts | null;
  CapDrop: Texts | null;
  CgroupnsMode: string;
  Dns: Texts;
  DnsOptions: Texts;
  DnsSearch: Texts;
  ExtraHosts: Texts | null;
  GroupAdd: Texts | null;
  IpcMode: string;
  Cgroup: string;
  Links: Texts | null;
  OomScoreAdj: number;
  PidMode: string;
  Privileged: boolean;
  PublishAllPorts: boolean;
  ReadonlyRootfs: boolean;
  SecurityOpt: Texts | null;
  StorageOpt?: TextMap;
  Tmpfs?: TextMap;
  UTSMode: string;
  UsernsMode: string;
  ShmSize: number;
  Sysctls?: TextMap;
  Runtime?: string;
  Isolation: string;
  CpuShares: number;
  Memory: number;
  NanoCpus: number;
  CgroupParent: string;
  BlkioWeight: number;
  BlkioWeightDevice: readonly object[];
  BlkioDeviceReadBps: readonly object[];
  BlkioDeviceWriteBps: readonly object[];
  BlkioDeviceReadIOps: readonly object[];
  BlkioDeviceWriteIOps: readonly object[];
  CpuPeriod: number;
  CpuQuota: number;
  CpuRealtimePeriod: number;
  CpuRealtimeRuntime: number;
  CpusetCpus: string;
  CpusetMems: string;
  Devices: readonly { PathOnHost: string; PathInContainer: string; CgroupPermissions: string }[];
  DeviceCgroupRules: Texts | null;
  DeviceRequests: readonly object[] | null;
  MemoryReservation: number;
  MemorySwap: number;
  MemorySwappiness: number | null;
  OomKillDisable: boolean | null;
  PidsLimit: number | null;
  Ulimits: readonly { Name: string; Hard: number; Soft: number }[];
  CpuCount: number;
  CpuPercent: number;
  IOMaximumIOps: number;
  IOMaximumBandwidth: number;
  Mounts?: readonly MountSpecJson[];
  MaskedPaths: Texts | null;
  ReadonlyPaths: Texts | null;
  Init?: boolean;
}

export interface EndpointSettingsJson {
  IPAMConfig: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: Texts } | null;
  Links: Texts | null;
  Aliases: Texts | null;
  MacAddress: string;
  DriverOpts: TextMap | null;
  GwPriority: number;
  NetworkID: string;
  EndpointID: string;
  Gateway: string;
  IPAddress: string;
  IPPrefixLen: number;
  IPv6Gateway: string;
  GlobalIPv6Address: string;
  GlobalIPv6PrefixLen: number;
  DNSNames: Texts | null;
}

export interface NetworkSettingsJson {
  Bridge: string;
  SandboxID: string;
  SandboxKey: string;
  Ports: PortMapJson;
  HairpinMode: boolean;
  LinkLocalIPv6Address: string;
  LinkLocalIPv6PrefixLen: number;
  SecondaryIPAddresses: null;
  SecondaryIPv6Addresses: null;
  EndpointID: string;
  Gateway: string;
  GlobalIPv6Address: string;
  GlobalIPv6PrefixLen: number;
  IPAddress: string;
  IPPrefixLen: number;
  IPv6Gateway: string;
  MacAddress: string;
  Networks: Record<string, EndpointSettingsJson>;
}

export interface MountPointJson {
  Type: string;
  Name?: string;
  Source: string;
  Destination: string;
  Driver?: string;
  Mode: string;
  RW: boolean;
  Propagation: string;
}

export interface ContainerStateJson {
  Status: string;
  Running: boolean;
  Paused: boolean;
  Restarting: boolean;
  OOMKilled: boolean;
  Dead: boolean;
  Pid: number;
  ExitCode: number;
  Error: string;
  StartedAt: string;
  FinishedAt: string;
  Health?: {
    Status: string;
    FailingStreak: number;
    Log: readonly { Start: string; End: string; ExitCode: number; Output: string }[];
  };
}

export interface ContainerJson {
  Id: string;
  Created: string;
  Path: string;
  Args: Texts;
  State: ContainerStateJson;
  Image: string;
  ResolvConfPath: string;
  HostnamePath: string;
  HostsPath: string;
  LogPath: string;
  Name: string;
  RestartCount: number;
  Driver: string;
  Platform: string;
  MountLabel: string;
  ProcessLabel: string;
  AppArmorProfile: string;
  ExecIDs: Texts | null;
  HostConfig: HostConfigJson;
  GraphDriver: { Data: TextMap | null; Name: string };
  SizeRw?: number;
  SizeRootFs?: number;
  Mounts: readonly MountPointJson[];
  Config: ConfigJson;
  NetworkSettings: NetworkSettingsJson;
}
