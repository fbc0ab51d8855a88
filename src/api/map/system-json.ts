/** What the engine knows of itself and its host -> version, info and events as Docker spells them. */
import { formatTimeNs } from '../../base/clock.ts';
import { formatSubnet, parseSubnet } from '../../model/addresses.ts';
import type { EngineEvent } from '../../model/event.ts';
import type { EventJson, VersionJson } from '../../wire/system.ts';
import { NEWEST_API, OLDEST_API, olderThan } from '../versions.ts';
import type { SystemFacts } from '../../model/host-summary.ts';

/** Go's name of an architecture, as `docker version` shows it. */
function goArch(architecture: string): string {
  return { x86_64: 'amd64', aarch64: 'arm64', armv7l: 'arm' }[architecture] ?? architecture;
}

export function toVersionJson(facts: SystemFacts, oldestApi = OLDEST_API): VersionJson {
  const arch = goArch(facts.architecture);
  const engine = {
    Name: 'Engine',
    Version: facts.version,
    Details: {
      ApiVersion: NEWEST_API,
      Arch: arch,
      BuildTime: facts.buildTime,
      Experimental: String(facts.experimental),
      GitCommit: facts.gitCommit,
      GoVersion: `node ${process.version}`,
      KernelVersion: facts.kernelVersion,
      MinAPIVersion: oldestApi,
      Os: 'linux',
    },
  };
  const others = facts.components.map(({ name, version, details }) => ({
    Name: name,
    Version: version,
    Details: details,
  }));
  return {
    Platform: { Name: 'Causeway' },
    Components: [engine, ...others],
    Version: facts.version,
    ApiVersion: NEWEST_API,
    MinAPIVersion: oldestApi,
    GitCommit: facts.gitCommit,
    GoVersion: `node ${process.version}`,
    Os: 'linux',
    Arch: arch,
    KernelVersion: facts.kernelVersion,
    BuildTime: facts.buildTime,
  };
}

export function toInfoJson(facts: SystemFacts, version: number, storageDriver: string, nowNs: bigint): object {
  const { counts } = facts;
  const commit = (id: string) => ({ ID: id, Expected: id });
  const runtimes = Object.entries(facts.runtimes).map(([name, { path, version: runtimeVersion }]) => [
    name,
    {
      path,
      status: { 'org.opencontainers.runtime-spec.features': JSON.stringify({ version: runtimeVersion }) },
    },
  ]);
  const defaultRuntimeVersion = facts.runtimes[facts.defaultRuntime]?.version ?? 'N/A';
  return {
    ID: facts.id,
    Containers: counts.containers,
    ContainersRunning: counts.running,
    ContainersPaused: counts.paused,
    ContainersStopped: counts.stopped,
    Images: counts.images,
    Driver: storageDriver,
    DriverStatus: facts.storageStatus,
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'ipvlan', 'macvlan', 'null'],
      Authorization: null,
      Log: ['journald', 'json-file', 'local', 'none', 'syslog'],
    },
    MemoryLimit: true,
    SwapLimit: true,
    KernelMemory: false,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    IPv4Forwarding: facts.ipForward,
    BridgeNfIptables: facts.bridgeNfIptables,
    BridgeNfIp6tables: facts.bridgeNfIp6tables,
    Debug: facts.debug,
    NFd: facts.activity.descriptors,
    OomKillDisable: facts.cgroupVersion === '1',
    NGoroutines: facts.activity.tasks,
    SystemTime: formatTimeNs(nowNs),
    LoggingDriver: facts.logDriver,
    CgroupDriver: facts.cgroupDriver,
    CgroupVersion: facts.cgroupVersion,
    NEventsListener: facts.eventListeners,
    KernelVersion: facts.kernelVersion,
    OperatingSystem: facts.operatingSystem,
    OSVersion: facts.osVersion,
    OSType: 'linux',
    Architecture: facts.architecture,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: registryConfig(facts.registries),
    NCPU: facts.cpus,
    MemTotal: facts.memoryBytes,
    GenericResources: null,
    DockerRootDir: facts.rootDir,
    HttpProxy: facts.proxies.httpProxy,
    HttpsProxy: facts.proxies.httpsProxy,
    NoProxy: facts.proxies.noProxy,
    Name: facts.name,
    Labels: facts.labels,
    ExperimentalBuild: facts.experimental,
    ServerVersion: facts.version,
    Runtimes: Object.fromEntries(runtimes),
    DefaultRuntime: facts.defaultRuntime,
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    LiveRestoreEnabled: facts.liveRestore,
    Isolation: '',
    InitBinary: facts.initBinary,
    ContainerdCommit: commit(''),
    RuncCommit: commit(defaultRuntimeVersion),
    InitCommit: commit(''),
    SecurityOptions: olderThan(version, '1.25') ? facts.securityOptions.map(optionName) : facts.securityOptions,
    ...(facts.addressPools.length > 0
      ? { DefaultAddressPools: facts.addressPools.map(({ base, size }) => ({ Base: base, Size: size })) }
      : {}),
    FirewallBackend: { Driver: 'nftables', Info: facts.firewall },
    CDISpecDirs: facts.cdi.directories,
    ...(facts.cdi.devices.length > 0
      ? { DiscoveredDevices: facts.cdi.devices.map((device) => ({ Source: 'cdi', ID: device })) }
      : {}),
    Warnings: facts.warnings.length > 0 ? facts.warnings : null,
  };
}

/** 'name=seccomp,profile=builtin' -> 'seccomp' */
function optionName(option: string): string {
  return /(?:^|,)name=([^,]*)/.exec(option)?.[1] ?? option;
}

function registryConfig({ mirrors, insecureRegistries }: SystemFacts['registries']): object {
  const index = (name: string, official: boolean) => ({
    Mirrors: official ? mirrors : [],
    Name: name,
    Official: official,
    Secure: official,
  });
  const subnets = insecureRegistries.map(parseSubnet).filter((subnet) => subnet !== undefined);
  const names = insecureRegistries.filter((entry) => parseSubnet(entry) === undefined);
  const networks = [...new Set([...subnets.map(formatSubnet), '::1/128', '127.0.0.0/8'])];
  return {
    AllowNondistributableArtifactsCIDRs: null,
    AllowNondistributableArtifactsHostnames: null,
    IndexConfigs: Object.fromEntries([
      ...names.map((name) => [name, index(name, false)] as const),
      ['docker.io', index('docker.io', true)] as const,
    ]),
    InsecureRegistryCIDRs: networks,
    Mirrors: mirrors,
  };
}

/** One line of the event stream. Nanoseconds do not fit a JavaScript number, so the text is put together here. */
export function toEventLine(event: EngineEvent, shape: (json: unknown) => unknown): string {
  const legacy =
    event.type === 'container'
      ? {
          status: event.action,
          id: event.actorId,
          ...(event.attributes['image'] === undefined ? {} : { from: event.attributes['image'] }),
        }
      : event.type === 'image'
        ? { status: event.action, id: event.actorId }
        : {};
  const json: Omit<EventJson, 'timeNano'> = {
    ...legacy,
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.actorId, Attributes: event.attributes },
    scope: 'local',
    time: Number(event.timeNs / 1_000_000_000n),
  };
  return `${JSON.stringify(shape(json)).slice(0, -1)},"timeNano":${event.timeNs}}\n`;
}
