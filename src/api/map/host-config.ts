/** The engine's HostSpec and ConnectionSpec -> the HostConfig that inspect shows. */
import type { ContainerRecord, HostSpec } from '../../model/container.ts';
import type { MountSpec } from '../../model/mount.ts';
import type { DeviceLimit } from '../../model/resources.ts';
import type { HostConfigJson, MountSpecJson, PortMapJson } from '../../wire/container-inspect.ts';

export interface HostConfigOptions {
  readonly cgroupVersion: '1' | '2';
  readonly defaultRuntime: string;
}

export function toHostConfig(record: ContainerRecord, options: HostConfigOptions): HostConfigJson {
  const { host, connection } = record.spec;
  const { resources } = host;
  return {
    Binds: orNull(host.binds),
    ContainerIDFile: host.containerIdFile,
    LogConfig: { Type: host.logConfig.type, Config: host.logConfig.config },
    NetworkMode: connection.networkMode,
    PortBindings: toPortBindings(connection.portBindings),
    RestartPolicy: { Name: host.restartPolicy.name, MaximumRetryCount: host.restartPolicy.maximumRetryCount },
    AutoRemove: host.autoRemove,
    VolumeDriver: host.volumeDriver,
    VolumesFrom: orNull(host.volumesFrom),
    ConsoleSize: host.consoleSize,
    ...mapIfAny('Annotations', host.annotations),
    CapAdd: orNull(host.capAdd),
    CapDrop: orNull(host.capDrop),
    CgroupnsMode: host.cgroupnsMode,
    Dns: connection.dns,
    DnsOptions: connection.dnsOptions,
    DnsSearch: connection.dnsSearch,
    ExtraHosts: orNull(connection.extraHosts),
    GroupAdd: orNull(host.groupAdd),
    IpcMode: host.ipcMode,
    Cgroup: '',
    Links: orNull(record.links.map((link) => `/${link.sourceName}:/${record.name}/${link.alias}`)),
    OomScoreAdj: host.oomScoreAdj,
    PidMode: host.pidMode,
    Privileged: host.privileged,
    PublishAllPorts: connection.publishAllPorts,
    ReadonlyRootfs: host.readonlyRootfs,
    SecurityOpt: orNull(securityOptions(host)),
    ...mapIfAny('StorageOpt', host.storageOpt),
    ...mapIfAny('Tmpfs', host.tmpfs),
    UTSMode: host.utsMode,
    UsernsMode: host.usernsMode,
    ShmSize: host.shmSizeBytes,
    ...mapIfAny('Sysctls', host.sysctls),
    Runtime: host.runtime || options.defaultRuntime,
    Isolation: host.isolation ?? '',
    CpuShares: resources.cpuShares,
    Memory: resources.memoryBytes,
    NanoCpus: resources.nanoCpus,
    CgroupParent: host.cgroupParent,
    BlkioWeight: resources.blkioWeight,
    BlkioWeightDevice: (resources.blkioWeightDevice ?? []).map(({ path, value }) => ({ Path: path, Weight: value })),
    BlkioDeviceReadBps: rates(resources.blkioReadBps),
    BlkioDeviceWriteBps: rates(resources.blkioWriteBps),
    BlkioDeviceReadIOps: rates(resources.blkioReadIops),
    BlkioDeviceWriteIOps: rates(resources.blkioWriteIops),
    CpuPeriod: resources.cpuPeriodUs,
    CpuQuota: resources.cpuQuotaUs,
    CpuRealtimePeriod: resources.cpuRealtimePeriodUs,
    CpuRealtimeRuntime: resources.cpuRealtimeRuntimeUs,
    CpusetCpus: resources.cpusetCpus,
    CpusetMems: resources.cpusetMems,
    Devices: resources.devices.map((device) => ({
      PathOnHost: device.pathOnHost,
      PathInContainer: device.pathInContainer,
      CgroupPermissions: device.cgroupPermissions,
    })),
    DeviceCgroupRules: orNull(resources.deviceCgroupRules),
    DeviceRequests:
      resources.deviceRequests?.map(({ driver, count, deviceIds, capabilities, options }) => ({
        Driver: driver,
        Count: count,
        DeviceIDs: deviceIds,
        Capabilities: capabilities,
        Options: options,
      })) ?? null,
    MemoryReservation: resources.memoryReservationBytes,
    MemorySwap: resources.memorySwapBytes,
    MemorySwappiness: resources.memorySwappiness,
    OomKillDisable: options.cgroupVersion === '2' ? null : resources.oomKillDisable,
    PidsLimit: resources.pidsLimit,
    Ulimits: resources.ulimits.map(({ name, soft, hard }) => ({ Name: name, Hard: hard, Soft: soft })),
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
    ...(host.mounts.length > 0 ? { Mounts: host.mounts.map(toMountSpecJson) } : {}),
    MaskedPaths: host.privileged ? null : host.maskedPaths,
    ReadonlyPaths: host.privileged ? null : host.readonlyPaths,
    ...(host.init === null ? {} : { Init: host.init }),
  };
}

/** Docker turns SELinux labels off for containers that share the host's namespaces, and shows it here. */
function securityOptions(host: HostSpec): readonly string[] {
  const sharesHost = host.privileged || host.ipcMode === 'host' || host.pidMode === 'host';
  const labelled = host.securityOpt.some((option) => option.split('=')[0] === 'label');
  return sharesHost && !labelled ? [...host.securityOpt, 'label=disable'] : host.securityOpt;
}

function orNull<T>(items: readonly T[]): readonly T[] | null {
  return items.length > 0 ? items : null;
}

function mapIfAny<const K extends string>(
  name: K,
  map: Readonly<Record<string, string>>,
): { [P in K]?: Readonly<Record<string, string>> } {
  return (Object.keys(map).length > 0 ? { [name]: map } : {}) as { [P in K]?: Readonly<Record<string, string>> };
}

function toPortBindings(bindings: ContainerRecord['spec']['connection']['portBindings']): PortMapJson {
  const ports: PortMapJson = {};
  for (const [port, hostPorts] of Object.entries(bindings)) {
    ports[port] = hostPorts.map(({ hostIp, hostPort }) => ({ HostIp: hostIp, HostPort: hostPort }));
  }
  return ports;
}

function toMountSpecJson(mount: MountSpec): MountSpecJson {
  return {
    Type: mount.type,
    ...(mount.source === '' ? {} : { Source: mount.source }),
    Target: mount.target,
    ...(mount.readonly ? { ReadOnly: true } : {}),
    ...(mount.bind && {
      BindOptions: {
        ...(mount.bind.propagation === '' ? {} : { Propagation: mount.bind.propagation }),
        ...(mount.bind.nonRecursive ? { NonRecursive: true } : {}),
        ...(mount.bind.createMountpoint ? { CreateMountpoint: true } : {}),
        ...(mount.bind.readonlyNonRecursive ? { ReadOnlyNonRecursive: true } : {}),
        ...(mount.bind.readonlyForceRecursive ? { ReadOnlyForceRecursive: true } : {}),
      },
    }),
    ...(mount.image && { ImageOptions: mount.image.subpath === '' ? {} : { Subpath: mount.image.subpath } }),
    ...(mount.volume && {
      VolumeOptions: {
        ...(mount.volume.noCopy ? { NoCopy: true } : {}),
        ...mapIfAny('Labels', mount.volume.labels),
        ...(mount.volume.subpath === '' ? {} : { Subpath: mount.volume.subpath }),
        ...(mount.volume.driver === ''
          ? {}
          : { DriverConfig: { Name: mount.volume.driver, ...mapIfAny('Options', mount.volume.driverOpts) } }),
      },
    }),
    ...(mount.tmpfs && {
      TmpfsOptions: {
        ...(mount.tmpfs.sizeBytes === 0 ? {} : { SizeBytes: mount.tmpfs.sizeBytes }),
        ...(mount.tmpfs.mode === 0 ? {} : { Mode: mount.tmpfs.mode }),
      },
    }),
  };
}

function rates(limits: readonly DeviceLimit[] = []): { Path: string; Rate: number }[] {
  return limits.map(({ path, value }) => ({ Path: path, Rate: value }));
}
