/** What stored containers, networks and volumes have to look like for everything that reads them to work. */
import type {
  ConnectionSpec,
  Connection,
  ContainerRecord,
  ContainerState,
  HostSpec,
  Link,
  ProcessSpec,
} from './container.ts';
import type { Endpoint, EndpointSpec } from './endpoint.ts';
import type { Healthcheck, HealthProbe, HealthState } from './health.ts';
import type { MountPoint, MountSpec, VolumeRecord } from './mount.ts';
import type { IpamPool, NetworkRecord } from './network.ts';
import type { PortBinding, PortBindings, PublishedPort } from './port.ts';
import type { DeviceLimit, DeviceRequestSpec, DeviceSpec, ResourceSpec } from './resources.ts';
import {
  address,
  flag,
  list,
  map,
  matching,
  nullable,
  number,
  object,
  oneOf,
  optional,
  pair,
  portNumber,
  portText,
  subnet,
  text,
  time,
  whole,
  type Shape,
} from './shape.ts';

const texts = list(text);
const textMap = map(text);

/** Ids are parts of paths. */
export const idShape = matching(/^[0-9a-f]{64}$/, 'an id');
const nameShape = matching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, 'a name');

const healthcheck = object<Healthcheck>({
  test: texts,
  intervalNs: number,
  timeoutNs: number,
  startPeriodNs: number,
  startIntervalNs: number,
  retries: number,
});

const health = object<HealthState>({
  status: oneOf('none', 'starting', 'healthy', 'unhealthy'),
  failingStreak: number,
  log: list(object<HealthProbe>({ start: text, end: text, exitCode: number, output: text })),
});

const endpointSpecShape = object<EndpointSpec>({
  aliases: texts,
  links: texts,
  ipv4: address,
  ipv6: address,
  linkLocalIps: texts,
  mac: text,
  driverOpts: textMap,
  gwPriority: number,
});

export const connectionShape = object<Connection>({
  networkId: text,
  networkName: text,
  ifname: optional(text),
  spec: endpointSpecShape,
});

const linkShape = object<Link>({ sourceId: text, sourceName: text, alias: text });

const publishedPortShape = object<PublishedPort>({
  port: portNumber,
  protocol: oneOf('tcp', 'udp', 'sctp'),
  hostIp: address,
  hostPort: portNumber,
});

export const portBindingsShape: Shape<PortBindings> = map(
  list(object<PortBinding>({ hostIp: text, hostPort: text })),
  portText,
);

export const endpointShape = object<Endpoint>({
  id: text,
  networkId: text,
  networkName: text,
  containerId: idShape,
  ifname: text,
  hostIfname: matching(/^[^/\s]{0,15}$/, 'the name of an interface'),
  mac: text,
  ipv4: address,
  prefix4: whole,
  ipv6: address,
  prefix6: whole,
  gateway4: address,
  gateway6: address,
  dnsNames: texts,
  spec: endpointSpecShape,
  published: list(publishedPortShape),
});

const processSpec = object<ProcessSpec>({
  hostname: text,
  domainname: text,
  user: text,
  env: texts,
  cmd: nullable(texts),
  entrypoint: nullable(texts),
  workingDir: text,
  tty: flag,
  openStdin: flag,
  stdinOnce: flag,
  attachStdin: flag,
  attachStdout: flag,
  attachStderr: flag,
  stopSignal: text,
  stopTimeoutS: nullable(number),
  healthcheck: nullable(healthcheck),
  argsEscaped: optional(flag),
});

const deviceLimit = object<DeviceLimit>({ path: text, value: number });

const resources = object<ResourceSpec>({
  cpuShares: number,
  nanoCpus: number,
  cpuPeriodUs: number,
  cpuQuotaUs: number,
  cpuRealtimePeriodUs: number,
  cpuRealtimeRuntimeUs: number,
  cpusetCpus: text,
  cpusetMems: text,
  memoryBytes: number,
  memoryReservationBytes: number,
  memorySwapBytes: number,
  memorySwappiness: nullable(number),
  oomKillDisable: flag,
  pidsLimit: nullable(number),
  blkioWeight: number,
  blkioWeightDevice: optional(list(deviceLimit)),
  blkioReadBps: optional(list(deviceLimit)),
  blkioWriteBps: optional(list(deviceLimit)),
  blkioReadIops: optional(list(deviceLimit)),
  blkioWriteIops: optional(list(deviceLimit)),
  devices: list(object<DeviceSpec>({ pathOnHost: text, pathInContainer: text, cgroupPermissions: text })),
  deviceCgroupRules: texts,
  deviceRequests: optional(
    list(
      object<DeviceRequestSpec>({
        driver: text,
        count: number,
        deviceIds: nullable(texts),
        capabilities: nullable(list(texts)),
        options: nullable(textMap),
      }),
    ),
  ),
  ulimits: list(object<ResourceSpec['ulimits'][number]>({ name: text, soft: number, hard: number })),
});

const mountSpec = object<MountSpec>({
  type: oneOf('bind', 'volume', 'tmpfs', 'image'),
  source: text,
  target: text,
  readonly: flag,
  bind: nullable(
    object<NonNullable<MountSpec['bind']>>({
      propagation: text,
      nonRecursive: flag,
      createMountpoint: flag,
      readonlyNonRecursive: optional(flag),
      readonlyForceRecursive: optional(flag),
      subpath: optional(text),
    }),
  ),
  volume: nullable(
    object<NonNullable<MountSpec['volume']>>({
      noCopy: flag,
      labels: textMap,
      driver: text,
      driverOpts: textMap,
      subpath: text,
    }),
  ),
  tmpfs: nullable(object<NonNullable<MountSpec['tmpfs']>>({ sizeBytes: number, mode: number })),
  image: optional(nullable(object<NonNullable<MountSpec['image']>>({ subpath: text }))),
});

const hostSpec = object<HostSpec>({
  binds: texts,
  mounts: list(mountSpec),
  readonlyTopOnly: optional(flag),
  tmpfs: textMap,
  volumesFrom: texts,
  volumeDriver: text,
  containerIdFile: text,
  restartPolicy: object<HostSpec['restartPolicy']>({
    name: oneOf('no', 'always', 'on-failure', 'unless-stopped'),
    maximumRetryCount: number,
  }),
  autoRemove: flag,
  privileged: flag,
  capAdd: texts,
  capDrop: texts,
  groupAdd: texts,
  readonlyRootfs: flag,
  securityOpt: texts,
  maskedPaths: nullable(texts),
  readonlyPaths: nullable(texts),
  sysctls: textMap,
  init: nullable(flag),
  runtime: text,
  isolation: optional(text),
  logConfig: object<HostSpec['logConfig']>({ type: text, config: textMap }),
  ipcMode: text,
  pidMode: text,
  utsMode: text,
  usernsMode: text,
  cgroupnsMode: text,
  cgroupParent: text,
  oomScoreAdj: number,
  shmSizeBytes: number,
  storageOpt: textMap,
  annotations: textMap,
  consoleSize: pair(number),
  resources,
});

const connectionSpec = object<ConnectionSpec>({
  networkMode: text,
  networks: map(endpointSpecShape),
  links: texts,
  exposedPorts: texts, // an image may say anything
  portBindings: portBindingsShape,
  publishAllPorts: flag,
  dns: texts,
  dnsSearch: texts,
  dnsOptions: texts,
  extraHosts: texts,
  macAddress: text,
});

const state = object<ContainerState>({
  status: oneOf('created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'),
  pid: whole,
  exitCode: whole,
  error: text,
  oomKilled: flag,
  startedAt: time,
  finishedAt: time,
  health: nullable(health),
});

const mountPoint = object<MountPoint>({
  type: oneOf('bind', 'volume', 'tmpfs', 'image'),
  name: text,
  source: text,
  imageId: optional(text),
  subpath: optional(text),
  destination: text,
  driver: text,
  mode: text,
  rw: flag,
  propagation: text,
  below: optional(oneOf('left out', 'writable', 'readonly')),
  noCopy: flag,
  tmpfsOptions: text,
});

export const containerShape = object<ContainerRecord>({
  id: idShape,
  name: nameShape,
  createdAt: time,
  imageId: matching(/^sha256:[0-9a-f]{64}$/, 'the id of an image'),
  spec: object<ContainerRecord['spec']>({
    image: text,
    labels: textMap,
    volumes: texts,
    shell: nullable(texts),
    onBuild: nullable(texts),
    buildStep: optional(flag),
    process: processSpec,
    host: hostSpec,
    connection: connectionSpec,
  }),
  path: text,
  args: texts,
  state,
  restartCount: number,
  stoppedByUser: flag,
  mounts: list(mountPoint),
  connections: list(connectionShape),
  networkOwnerId: optional(text),
  links: list(linkShape),
});

const pool = object<IpamPool>({ subnet, ipRange: subnet, gateway: address, auxAddresses: map(address) });

export const networkShape = object<NetworkRecord>({
  id: idShape,
  name: text,
  driver: text,
  scope: oneOf('local'),
  createdAt: time,
  internal: flag,
  attachable: flag,
  ingress: flag,
  configOnly: flag,
  configFrom: text,
  enableIpv4: flag,
  enableIpv6: flag,
  ipam: object<NetworkRecord['ipam']>({
    driver: text,
    options: nullable(textMap),
    pools: list(object<IpamPool>({ subnet: text, ipRange: text, gateway: text, auxAddresses: textMap })),
  }),
  options: textMap,
  labels: textMap,
  pools: list(pool),
  bridgeName: matching(/^[^/\s]{0,15}$/, 'the name of an interface'),
  predefined: flag,
});

export const volumeShape = object<VolumeRecord>({
  name: nameShape,
  driver: oneOf('local'),
  createdAt: time,
  mountpoint: matching(/^\//, 'a path'),
  labels: textMap,
  options: textMap,
  anonymous: flag,
  madeFor: optional(idShape),
});
