/**
 * A checked create request (already made one of the newest API version) -> the engine's ContainerSpec, defaults filled
 * in.
 */
import type { ContainerSpec, HostSpec, ProcessSpec, RestartPolicy } from '../../model/container.ts';
import type { ConnectionSpec } from '../../model/container.ts';
import type { Healthcheck } from '../../model/health.ts';
import type { MountSpec } from '../../model/mount.ts';
import type { DeviceLimit, ResourceSpec } from '../../model/resources.ts';
import { formatPort, parsePort } from '../../model/port.ts';
import type {
  CreateRequest,
  HealthcheckRequest,
  HostConfigRequest,
  MountRequest,
  UpdateRequest,
} from '../../wire/container-create.ts';
import { toEndpointSpec } from './endpoint-spec.ts';
import { toPortBindings } from './port-bindings.ts';

/** What a container may not see of /proc and /sys unless it is privileged or says otherwise: Docker 28's lists. */
const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export function toContainerSpec(request: CreateRequest): ContainerSpec {
  return {
    image: request.Image,
    labels: request.Labels,
    volumes: request.Volumes,
    shell: request.Shell,
    onBuild: request.OnBuild,
    process: toProcessSpec(request),
    host: toHostSpec(request.HostConfig),
    connection: toConnectionSpec(request),
  };
}

function toProcessSpec(request: CreateRequest): ProcessSpec {
  return {
    hostname: request.Hostname,
    domainname: request.Domainname,
    user: request.User,
    env: request.Env,
    cmd: request.Cmd,
    entrypoint: request.Entrypoint,
    workingDir: request.WorkingDir,
    tty: request.Tty,
    openStdin: request.OpenStdin,
    stdinOnce: request.StdinOnce,
    attachStdin: request.AttachStdin,
    attachStdout: request.AttachStdout,
    attachStderr: request.AttachStderr,
    stopSignal: request.StopSignal,
    stopTimeoutS: request.StopTimeout,
    healthcheck: request.Healthcheck && toHealthcheck(request.Healthcheck),
    ...(request.ArgsEscaped ? { argsEscaped: true } : {}),
  };
}

function toHealthcheck(check: HealthcheckRequest): Healthcheck {
  return {
    test: check.Test,
    intervalNs: check.Interval,
    timeoutNs: check.Timeout,
    startPeriodNs: check.StartPeriod,
    startIntervalNs: check.StartInterval,
    retries: check.Retries,
  };
}

function toHostSpec(host: HostConfigRequest): HostSpec {
  const [rows = 0, columns = 0] = host.ConsoleSize;
  return {
    binds: host.Binds ?? [],
    mounts: host.Mounts.map(toMountSpec),
    tmpfs: host.Tmpfs,
    volumesFrom: host.VolumesFrom ?? [],
    volumeDriver: host.VolumeDriver,
    containerIdFile: host.ContainerIDFile,
    restartPolicy: toRestartPolicy(host.RestartPolicy) ?? { name: 'no', maximumRetryCount: 0 },
    autoRemove: host.AutoRemove,
    privileged: host.Privileged,
    capAdd: host.CapAdd ?? [],
    capDrop: host.CapDrop ?? [],
    groupAdd: host.GroupAdd,
    readonlyRootfs: host.ReadonlyRootfs,
    securityOpt: host.SecurityOpt ?? [],
    maskedPaths: host.MaskedPaths ?? (isUnconfined(host) ? [] : MASKED_PATHS),
    readonlyPaths: host.ReadonlyPaths ?? (isUnconfined(host) ? [] : READONLY_PATHS),
    sysctls: host.Sysctls,
    init: host.Init,
    runtime: host.Runtime,
    ...(host.Isolation === '' ? {} : { isolation: host.Isolation }),
    logConfig: { type: host.LogConfig.Type, config: host.LogConfig.Config }, // '' = the daemon's
    ipcMode: host.IpcMode, // '' = the daemon's, and so with the next two
    pidMode: host.PidMode,
    utsMode: host.UTSMode,
    usernsMode: host.UsernsMode,
    cgroupnsMode: host.CgroupnsMode,
    cgroupParent: host.CgroupParent,
    oomScoreAdj: host.OomScoreAdj,
    shmSizeBytes: host.ShmSize,
    storageOpt: host.StorageOpt,
    annotations: host.Annotations,
    consoleSize: [rows, columns],
    resources: toResourceSpec(host),
  };
}

/**
 * Nothing is masked for a privileged container, nor under `--security-opt systempaths=unconfined` (the client sends
 * []).
 */
function isUnconfined(host: HostConfigRequest): boolean {
  return host.Privileged;
}

/** undefined where the request names no policy. */
export function toRestartPolicy(policy: UpdateRequest['RestartPolicy']): RestartPolicy | undefined {
  if (policy.Name === '') return undefined;
  return { name: policy.Name as RestartPolicy['name'], maximumRetryCount: policy.MaximumRetryCount };
}

function toResourceSpec(host: HostConfigRequest): ResourceSpec {
  return {
    cpuShares: host.CpuShares,
    nanoCpus: host.NanoCpus,
    cpuPeriodUs: host.CpuPeriod,
    cpuQuotaUs: host.CpuQuota,
    cpuRealtimePeriodUs: host.CpuRealtimePeriod,
    cpuRealtimeRuntimeUs: host.CpuRealtimeRuntime,
    cpusetCpus: host.CpusetCpus,
    cpusetMems: host.CpusetMems,
    memoryBytes: host.Memory,
    memoryReservationBytes: host.MemoryReservation,
    // Docker writes the default down at create, and inspect shows it.
    memorySwapBytes: host.Memory > 0 && host.MemorySwap === 0 ? twice(host.Memory) : host.MemorySwap,
    memorySwappiness: host.MemorySwappiness === -1 ? null : host.MemorySwappiness,
    oomKillDisable: host.OomKillDisable ?? false,
    pidsLimit: host.PidsLimit !== null && host.PidsLimit <= 0 ? null : host.PidsLimit,
    blkioWeight: host.BlkioWeight,
    ...toBlockDeviceLimits(host),
    devices: toDevices(host.Devices),
    deviceCgroupRules: host.DeviceCgroupRules ?? [],
    ...toDeviceRequests(host.DeviceRequests),
    ulimits: toUlimits(host.Ulimits),
  };
}

/** Only the kinds that are named. */
function toBlockDeviceLimits(request: HostConfigRequest | UpdateRequest): Partial<ResourceSpec> {
  const rates = (devices: UpdateRequest['BlkioDeviceReadBps']): DeviceLimit[] =>
    devices.map(({ Path, Rate }) => ({ path: Path, value: Rate }));
  const kinds = {
    blkioWeightDevice: request.BlkioWeightDevice.map(({ Path, Weight }) => ({ path: Path, value: Weight })),
    blkioReadBps: rates(request.BlkioDeviceReadBps),
    blkioWriteBps: rates(request.BlkioDeviceWriteBps),
    blkioReadIops: rates(request.BlkioDeviceReadIOps),
    blkioWriteIops: rates(request.BlkioDeviceWriteIOps),
  };
  return Object.fromEntries(Object.entries(kinds).filter(([, limits]) => limits.length > 0));
}

/** -1 where twice as much is more than a client could read, and than any machine has. */
function twice(bytes: number): number {
  return bytes < 2 ** 62 ? 2 * bytes : -1;
}

function toDevices(devices: UpdateRequest['Devices']): ResourceSpec['devices'] {
  return (devices ?? []).map((device) => ({
    pathOnHost: device.PathOnHost,
    pathInContainer: device.PathInContainer,
    cgroupPermissions: device.CgroupPermissions,
  }));
}

function toDeviceRequests(requests: HostConfigRequest['DeviceRequests']): Pick<ResourceSpec, 'deviceRequests'> {
  if (requests === null) return {};
  return {
    deviceRequests: requests.map(({ Driver, Count, DeviceIDs, Capabilities, Options }) => ({
      driver: Driver,
      count: Count,
      deviceIds: DeviceIDs,
      capabilities: Capabilities,
      options: Options,
    })),
  };
}

function toUlimits(ulimits: UpdateRequest['Ulimits']): ResourceSpec['ulimits'] {
  return (ulimits ?? []).map(({ Name, Soft, Hard }) => ({ name: Name, soft: Soft, hard: Hard }));
}

/** Only what an update request names: zero means "leave as it is" there. */
export function toResourceChanges(request: UpdateRequest): Partial<ResourceSpec> {
  const changes: { -readonly [K in keyof ResourceSpec]?: ResourceSpec[K] } = toBlockDeviceLimits(request);
  const numbers = {
    cpuShares: request.CpuShares,
    nanoCpus: request.NanoCpus,
    cpuPeriodUs: request.CpuPeriod,
    cpuQuotaUs: request.CpuQuota,
    cpuRealtimePeriodUs: request.CpuRealtimePeriod,
    cpuRealtimeRuntimeUs: request.CpuRealtimeRuntime,
    memoryBytes: request.Memory,
    memoryReservationBytes: request.MemoryReservation,
    memorySwapBytes: request.MemorySwap,
    blkioWeight: request.BlkioWeight,
  } as const;
  for (const [name, value] of Object.entries(numbers)) {
    if (value !== 0) changes[name as keyof typeof numbers] = value;
  }
  if (request.CpusetCpus !== '') changes.cpusetCpus = request.CpusetCpus;
  if (request.CpusetMems !== '') changes.cpusetMems = request.CpusetMems;
  if (request.OomKillDisable !== null) changes.oomKillDisable = request.OomKillDisable;
  // 0 and below lift the limit, and are shown as 0: null would say that nothing was asked for.
  if (request.PidsLimit !== null) changes.pidsLimit = Math.max(request.PidsLimit, 0);
  return changes;
}

function toMountSpec(mount: MountRequest): MountSpec {
  const { BindOptions: bind, VolumeOptions: volume, TmpfsOptions: tmpfs, ImageOptions: image } = mount;
  return {
    type: mount.Type as MountSpec['type'],
    source: mount.Source,
    target: mount.Target,
    readonly: mount.ReadOnly,
    bind: bind && {
      propagation: bind.Propagation,
      nonRecursive: bind.NonRecursive,
      createMountpoint: bind.CreateMountpoint,
      ...(bind.ReadOnlyNonRecursive ? { readonlyNonRecursive: true } : {}),
      ...(bind.ReadOnlyForceRecursive ? { readonlyForceRecursive: true } : {}),
    },
    volume: volume && {
      noCopy: volume.NoCopy,
      labels: volume.Labels,
      driver: volume.DriverConfig?.Name ?? '',
      driverOpts: volume.DriverConfig?.Options ?? {},
      subpath: volume.Subpath,
    },
    tmpfs: tmpfs && { sizeBytes: tmpfs.SizeBytes, mode: tmpfs.Mode },
    ...(image ? { image: { subpath: image.Subpath } } : {}),
  };
}

function toConnectionSpec(request: CreateRequest): ConnectionSpec {
  const { HostConfig: host, NetworkingConfig: networking } = request;
  const networks = Object.entries(networking.EndpointsConfig).map(
    ([name, endpoint]) => [name, toEndpointSpec(endpoint)] as const,
  );
  return {
    networkMode: request.NetworkDisabled ? 'none' : host.NetworkMode,
    networks: request.NetworkDisabled ? {} : Object.fromEntries(networks),
    links: host.Links,
    exposedPorts: request.ExposedPorts.map(canonicalPort),
    portBindings: toPortBindings(host.PortBindings),
    publishAllPorts: host.PublishAllPorts,
    dns: host.Dns,
    dnsSearch: host.DnsSearch,
    dnsOptions: host.DnsOptions,
    extraHosts: host.ExtraHosts,
    macAddress: request.MacAddress,
  };
}

/** '80' -> '80/tcp'; refuses anything that is not a port. */
function canonicalPort(text: string): string {
  return formatPort(parsePort(text));
}
