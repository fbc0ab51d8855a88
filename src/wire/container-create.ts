/** The body of POST /containers/create, of update and of commit: what Docker clients send. */
import * as v from 'valibot';
import {
  command,
  fields,
  flag,
  integer,
  keySet,
  list,
  optionalFields,
  optionalFlag,
  optionalInteger,
  optionalTexts,
  text,
  textMap,
  texts,
  type Sent,
} from './go-fields.ts';

const nanoseconds = () => integer(0, 'time.Duration');

export const healthcheckSchema = fields({
  Test: texts(),
  Interval: nanoseconds(),
  Timeout: nanoseconds(),
  StartPeriod: nanoseconds(),
  StartInterval: nanoseconds(),
  Retries: integer(0, 'int'),
});

const configEntries = {
  Hostname: text(),
  Domainname: text(),
  User: text(),
  AttachStdin: flag(),
  AttachStdout: flag(),
  AttachStderr: flag(),
  ExposedPorts: keySet(),
  Tty: flag(),
  OpenStdin: flag(),
  StdinOnce: flag(),
  Env: texts(),
  Cmd: command(),
  Healthcheck: v.nullish(healthcheckSchema, null),
  ArgsEscaped: flag(),
  Image: text(),
  Volumes: keySet(),
  WorkingDir: text(),
  Entrypoint: command(),
  NetworkDisabled: flag(),
  MacAddress: text(),
  OnBuild: optionalTexts(),
  Labels: textMap(),
  StopSignal: text(),
  StopTimeout: optionalInteger('int'),
  Shell: command(),
};

const endpointIpamSchema = optionalFields({ IPv4Address: text(), IPv6Address: text(), LinkLocalIPs: texts() });

export const endpointSettingsSchema = fields({
  IPAMConfig: endpointIpamSchema,
  Links: texts(),
  Aliases: texts(),
  MacAddress: text(),
  DriverOpts: textMap(),
  GwPriority: integer(0, 'int'),
  NetworkID: text(),
});

const throttleDevices = () => list(fields({ Path: text(), Rate: integer(0, 'uint64') }));

const deviceRequestSchema = fields({
  Driver: text(),
  Count: integer(0, 'int'),
  DeviceIDs: optionalTexts(),
  Capabilities: v.nullish(v.array(texts()), null),
  Options: v.nullish(v.record(v.string(), v.string()), null),
});

const resourceEntries = {
  CpuShares: integer(),
  Memory: integer(),
  NanoCpus: integer(),
  CgroupParent: text(),
  BlkioWeight: integer(0, 'uint16'),
  BlkioWeightDevice: list(fields({ Path: text(), Weight: integer(0, 'uint16') })),
  BlkioDeviceReadBps: throttleDevices(),
  BlkioDeviceWriteBps: throttleDevices(),
  BlkioDeviceReadIOps: throttleDevices(),
  BlkioDeviceWriteIOps: throttleDevices(),
  CpuPeriod: integer(),
  CpuQuota: integer(),
  CpuRealtimePeriod: integer(),
  CpuRealtimeRuntime: integer(),
  CpusetCpus: text(),
  CpusetMems: text(),
  Devices: v.nullish(v.array(fields({ PathOnHost: text(), PathInContainer: text(), CgroupPermissions: text() })), null),
  DeviceCgroupRules: optionalTexts(),
  DeviceRequests: v.nullish(v.array(deviceRequestSchema), null),
  KernelMemory: integer(),
  KernelMemoryTCP: integer(),
  MemoryReservation: integer(),
  MemorySwap: integer(),
  MemorySwappiness: optionalInteger(),
  OomKillDisable: optionalFlag(),
  PidsLimit: optionalInteger(),
  Ulimits: v.nullish(v.array(fields({ Name: text(), Soft: integer(), Hard: integer() })), null),
  CpuCount: integer(),
  CpuPercent: integer(),
  IOMaximumIOps: integer(0, 'uint64'),
  IOMaximumBandwidth: integer(0, 'uint64'),
};

const restartPolicySchema = v.nullish(fields({ Name: text(), MaximumRetryCount: integer(0, 'int') }), {});

const driverConfigSchema = optionalFields({ Name: text(), Options: textMap() });

export const mountSchema = fields({
  Type: text(),
  Source: text(),
  Target: text(),
  ReadOnly: flag(),
  Consistency: text(),
  BindOptions: optionalFields({
    Propagation: text(),
    NonRecursive: flag(),
    CreateMountpoint: flag(),
    ReadOnlyNonRecursive: flag(),
    ReadOnlyForceRecursive: flag(),
  }),
  VolumeOptions: optionalFields({
    NoCopy: flag(),
    Labels: textMap(),
    DriverConfig: driverConfigSchema,
    Subpath: text(),
  }),
  ImageOptions: optionalFields({ Subpath: text() }),
  TmpfsOptions: optionalFields({ SizeBytes: integer(), Mode: integer(0, 'fs.FileMode') }),
  ClusterOptions: v.nullish(v.unknown(), null),
});

export const portMapSchema = v.nullish(
  v.record(v.string(), v.nullish(v.array(v.nullish(fields({ HostIp: text(), HostPort: text() }), {})), [])),
  {},
);

const hostConfigSchema = fields({
  ...resourceEntries,
  Binds: optionalTexts(),
  ContainerIDFile: text(),
  LogConfig: v.nullish(fields({ Type: text(), Config: textMap() }), {}),
  NetworkMode: text(),
  PortBindings: portMapSchema,
  RestartPolicy: restartPolicySchema,
  AutoRemove: flag(),
  VolumeDriver: text(),
  VolumesFrom: optionalTexts(),
  ConsoleSize: v.nullish(v.array(integer(0, 'uint')), []),
  Annotations: textMap(),
  CapAdd: command(),
  CapDrop: command(),
  CgroupnsMode: text(),
  Dns: texts(),
  DnsOptions: texts(),
  DnsSearch: texts(),
  ExtraHosts: texts(),
  GroupAdd: texts(),
  IpcMode: text(),
  Cgroup: text(),
  Links: texts(),
  OomScoreAdj: integer(0, 'int'),
  PidMode: text(),
  Privileged: flag(),
  PublishAllPorts: flag(),
  ReadonlyRootfs: flag(),
  SecurityOpt: optionalTexts(),
  StorageOpt: textMap(),
  Tmpfs: textMap(),
  UTSMode: text(),
  UsernsMode: text(),
  ShmSize: integer(),
  Sysctls: textMap(),
  Runtime: text(),
  Isolation: text(),
  Mounts: list(mountSchema),
  MaskedPaths: optionalTexts(),
  ReadonlyPaths: optionalTexts(),
  Init: optionalFlag(),
});

const endpointsSchema = v.nullish(v.record(v.string(), v.nullish(endpointSettingsSchema, {})), {});

export const configSchema = fields(configEntries);

/** In lower case: a create request that names none of them has no config at all. */
export const CONFIG_FIELD_NAMES: ReadonlySet<string> = new Set(
  Object.keys(configEntries).map((name) => name.toLowerCase()),
);

/** Every field of Config is at the top level of the body, next to HostConfig and NetworkingConfig. */
export const createRequestSchema = fields({
  ...configEntries,
  HostConfig: v.nullish(hostConfigSchema, {}),
  NetworkingConfig: v.nullish(fields({ EndpointsConfig: endpointsSchema }), {}),
});

export const updateRequestSchema = fields({ ...resourceEntries, RestartPolicy: restartPolicySchema });

/** What clients send. */
export type CreateBody = Sent<typeof createRequestSchema>;
export type HostConfigBody = Sent<typeof hostConfigSchema>;
export type EndpointSettingsBody = Sent<typeof endpointSettingsSchema>;
export type MountBody = Sent<typeof mountSchema>;
/** One that is still being put together. */
export type MountDraft = v.InferInput<typeof mountSchema>;
export type DeviceRequestBody = Sent<typeof deviceRequestSchema>;
export type UpdateBody = Sent<typeof updateRequestSchema>;

export type CreateRequest = v.InferOutput<typeof createRequestSchema>;
export type ConfigRequest = v.InferOutput<typeof configSchema>;
export type HostConfigRequest = v.InferOutput<typeof hostConfigSchema>;
export type UpdateRequest = v.InferOutput<typeof updateRequestSchema>;
export type EndpointSettingsRequest = v.InferOutput<typeof endpointSettingsSchema>;
export type MountRequest = v.InferOutput<typeof mountSchema>;
export type HealthcheckRequest = v.InferOutput<typeof healthcheckSchema>;
