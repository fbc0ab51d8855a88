/**
 * The Go types behind `inspect`: which fields they have, under which names, in which order. Templates see a container
 * through them as through Docker's own client: `.ID` and `.Id` both work, an absent field is empty, maps print as
 * map[...].
 *
 * One line a type: fields by Go name, `=json` where JSON's differs (or differs in case), and after the colon s(tring),
 * i(nteger), b(oolean), ?(anything), a type's name, with [] (slice), {} (map by string), {T} (map by T) or * (pointer)
 * in front.
 */
import { GoMap, GoStruct, NilPointer, NilSlice } from '../../base/template/go-value.ts';

const SHAPES: Readonly<Record<string, string>> = {
  'container.InspectResponse':
    'ID=Id:s Created:s Path:s Args:[]s State:*container.State Image:s ResolvConfPath:s HostnamePath:s HostsPath:s LogPath:s Name:s ' +
    'RestartCount:i Driver:s Platform:s MountLabel:s ProcessLabel:s AppArmorProfile:s ExecIDs:[]s HostConfig:*container.HostConfig ' +
    'GraphDriver:storage.DriverData SizeRw:*i SizeRootFs:*i Mounts:[]container.MountPoint Config:*container.Config ' +
    'NetworkSettings:*container.NetworkSettings ImageManifestDescriptor:*?',
  'container.State':
    'Status:s Running:b Paused:b Restarting:b OOMKilled:b Dead:b Pid:i ExitCode:i Error:s StartedAt:s FinishedAt:s Health:*container.Health',
  'container.Health': 'Status:s FailingStreak:i Log:[]container.HealthcheckResult',
  'container.HealthcheckResult': 'Start:s End:s ExitCode:i Output:s',
  'storage.DriverData': 'Data:{}s Name:s',
  'container.MountPoint': 'Type:s Name:s Source:s Destination:s Driver:s Mode:s RW:b Propagation:s',
  'container.Config':
    'Hostname:s Domainname:s User:s AttachStdin:b AttachStdout:b AttachStderr:b ExposedPorts:{nat.Port}empty Tty:b OpenStdin:b StdinOnce:b Env:[]s Cmd:[]s ' +
    'Healthcheck:*container.HealthConfig ArgsEscaped:b Image:s Volumes:{}empty WorkingDir:s Entrypoint:[]s NetworkDisabled:b MacAddress:s OnBuild:[]s ' +
    'Labels:{}s StopSignal:s StopTimeout:*i Shell:[]s',
  empty: '',
  'container.HealthConfig': 'Test:[]s Interval:d Timeout:d StartPeriod:d StartInterval:d Retries:i',
  'container.LogConfig': 'Type:s Config:{}s',
  'container.RestartPolicy': 'Name:s MaximumRetryCount:i',
  'container.HostConfig':
    'Binds:[]s ContainerIDFile:s LogConfig:container.LogConfig NetworkMode:s PortBindings:{nat.Port}[]nat.PortBinding RestartPolicy:container.RestartPolicy ' +
    'AutoRemove:b VolumeDriver:s VolumesFrom:[]s ConsoleSize:[]i Annotations:{}s CapAdd:[]s CapDrop:[]s CgroupnsMode:s DNS=Dns:[]s DNSOptions=DnsOptions:[]s ' +
    'DNSSearch=DnsSearch:[]s ExtraHosts:[]s GroupAdd:[]s IpcMode:s Cgroup:s Links:[]s OomScoreAdj:i PidMode:s Privileged:b PublishAllPorts:b ' +
    'ReadonlyRootfs:b SecurityOpt:[]s StorageOpt:{}s Tmpfs:{}s UTSMode:s UsernsMode:s ShmSize:i Sysctls:{}s Runtime:s Isolation:s ' +
    'CPUShares=CpuShares:i Memory:i NanoCPUs=NanoCpus:i CgroupParent:s BlkioWeight:i BlkioWeightDevice:[]? BlkioDeviceReadBps:[]? BlkioDeviceWriteBps:[]? ' +
    'BlkioDeviceReadIOps:[]? BlkioDeviceWriteIOps:[]? CPUPeriod=CpuPeriod:i CPUQuota=CpuQuota:i CPURealtimePeriod=CpuRealtimePeriod:i ' +
    'CPURealtimeRuntime=CpuRealtimeRuntime:i CpusetCpus:s CpusetMems:s Devices:[]container.DeviceMapping DeviceCgroupRules:[]s DeviceRequests:[]? ' +
    'KernelMemory:i KernelMemoryTCP:i MemoryReservation:i MemorySwap:i MemorySwappiness:*i OomKillDisable:*b PidsLimit:*i Ulimits:[]? CPUCount=CpuCount:i ' +
    'CPUPercent=CpuPercent:i IOMaximumIOps:i IOMaximumBandwidth:i Mounts:[]? MaskedPaths:[]s ReadonlyPaths:[]s Init:*b',
  'container.DeviceMapping': 'PathOnHost:s PathInContainer:s CgroupPermissions:s',
  'nat.PortBinding': 'HostIP=HostIp:s HostPort:s',
  'container.NetworkSettings':
    'Bridge:s SandboxID:s SandboxKey:s Ports:{nat.Port}[]nat.PortBinding HairpinMode:b LinkLocalIPv6Address:s LinkLocalIPv6PrefixLen:i ' +
    'SecondaryIPAddresses:[]? SecondaryIPv6Addresses:[]? EndpointID:s Gateway:s GlobalIPv6Address:s GlobalIPv6PrefixLen:i IPAddress:s IPPrefixLen:i ' +
    'IPv6Gateway:s MacAddress:s Networks:{}*network.EndpointSettings',
  'network.EndpointSettings':
    'IPAMConfig:*network.EndpointIPAMConfig Links:[]s Aliases:[]s MacAddress:s DriverOpts:{}s GwPriority:i NetworkID:s EndpointID:s Gateway:s IPAddress:s ' +
    'IPPrefixLen:i IPv6Gateway:s GlobalIPv6Address:s GlobalIPv6PrefixLen:i DNSNames:[]s',
  'network.EndpointIPAMConfig': 'IPv4Address:s IPv6Address:s LinkLocalIPs:[]s',
  'image.InspectResponse':
    'ID=Id:s RepoTags:[]s RepoDigests:[]s Parent:s Comment:s Created:s DockerVersion:s Author:s Config:*image.Config Architecture:s Variant:s Os:s OsVersion:s ' +
    'Size:i VirtualSize:i GraphDriver:storage.DriverData RootFS:image.RootFS Metadata:image.Metadata Descriptor:*? Manifests:[]?',
  'image.Config':
    'User:s ExposedPorts:{}empty Env:[]s Entrypoint:[]s Cmd:[]s Volumes:{}empty WorkingDir:s Labels:{}s StopSignal:s ArgsEscaped:b Healthcheck:*container.HealthConfig OnBuild:[]s Shell:[]s',
  'image.RootFS': 'Type:s Layers:[]s',
  'image.Metadata': 'LastTagTime:s',
  'network.Inspect':
    'Name:s ID=Id:s Created:s Scope:s Driver:s EnableIPv4:b EnableIPv6:b IPAM:network.IPAM Internal:b Attachable:b Ingress:b ConfigFrom:network.ConfigReference ' +
    'ConfigOnly:b Containers:{}network.EndpointResource Options:{}s Labels:{}s Peers:[]? Services:{}?',
  'network.IPAM': 'Driver:s Options:{}s Config:[]network.IPAMConfig',
  'network.IPAMConfig': 'Subnet:s IPRange:s Gateway:s AuxAddress=AuxiliaryAddresses:{}s',
  'network.ConfigReference': 'Network:s',
  'network.EndpointResource': 'Name:s EndpointID:s MacAddress:s IPv4Address:s IPv6Address:s',
  'volume.Volume':
    'ClusterVolume:*? CreatedAt:s Driver:s Labels:{}s Mountpoint:s Name:s Options:{}s Scope:s Status:{}? UsageData:*volume.UsageData',
  'client.Version':
    'Platform:*version.Platform Version:s APIVersion=ApiVersion:s DefaultAPIVersion:s GitCommit:s NodeVersion:s Os:s Arch:s BuildTime:s Context:s',
  'types.Version':
    'Platform:version.Platform Components:[]version.Component Version:s APIVersion=ApiVersion:s MinAPIVersion:s GitCommit:s GoVersion:s Os:s Arch:s KernelVersion:s ' +
    'Experimental:b BuildTime:s',
  'version.Platform': 'Name:s',
  'version.Component': 'Name:s Version:s Details:{}s',
  'system.versionInfo': 'Client:client.Version Server:*types.Version',
  'events.Message':
    'Status=status:s ID=id:s From=from:s Type:s Action:s Actor:events.Actor Scope=scope:s Time=time:i TimeNano=timeNano:i',
  'events.Actor': 'ID:s Attributes:{}s',
  'volume.UsageData': 'RefCount:i Size:i',
};

interface Field {
  readonly name: string;
  readonly json: string;
  readonly type: string;
}

const parsed = new Map<string, readonly Field[]>();

function fieldsOf(shape: string): readonly Field[] {
  let fields = parsed.get(shape);
  if (!fields) {
    fields = (SHAPES[shape] ?? '')
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => {
        const colon = word.indexOf(':');
        const [name = '', json = name] = word.slice(0, colon).split('=');
        return { name, json, type: word.slice(colon + 1) };
      });
    parsed.set(shape, fields);
  }
  return fields;
}

/** JSON seen as a Go value of that type. */
export function asGoValue(type: string, json: unknown): unknown {
  if (type.startsWith('*')) {
    const pointed = type.slice(1);
    return json === undefined || json === null ? new NilPointer(`*${goName(pointed)}`) : asGoValue(pointed, json);
  }
  if (type.startsWith('[]'))
    return Array.isArray(json) ? json.map((item) => asGoValue(type.slice(2), item)) : new NilSlice();
  const map = /^\{([\w.]*)\}/.exec(type);
  if (map) {
    const of = type.slice(map[0].length);
    const entries = Object.entries((json ?? {}) as Record<string, unknown>).map(
      ([key, item]) => [key, asGoValue(of, item)] as const,
    );
    return new GoMap(
      new Map(entries),
      asGoValue(of, undefined),
      map[1] || 'string',
      json === undefined || json === null,
    );
  }
  switch (type) {
    case 's':
      return json ?? '';
    case 'i':
      return json ?? 0;
    case 'd':
      return json ?? 0;
    case 'b':
      return json ?? false;
    case '?':
      return json;
    default:
  }
  const object = (json ?? {}) as Record<string, unknown>;
  const fields = fieldsOf(type).map(({ name, json: key, type: of }) => [name, asGoValue(of, object[key])] as const);
  return new GoStruct(goName(type), new Map(fields), object);
}

const goName = (type: string) =>
  ({
    s: 'string',
    i: 'int64',
    b: 'bool',
    '?': 'interface {}',
    empty: 'struct {}',
    'events.Message': '*events.Message',
  })[type] ?? type;
