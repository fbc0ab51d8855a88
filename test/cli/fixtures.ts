/** Answers of an engine with some containers, images, networks and volumes, as Docker's API gives them. */
const NOW_S = Math.floor(Date.now() / 1000);
export const WEB = 'f0'.repeat(32);
const DB = `${'0123456789ab'.repeat(5)}cdef`;
const JOB = `${'abcdef012345'.repeat(5)}6789`;
export const IMAGE = `sha256:${'1a2b3c4d'.repeat(8)}`;
const OTHER_IMAGE = `sha256:${'9f8e7d6c'.repeat(8)}`;
export const NET = 'beef'.repeat(16);

const port = (PrivatePort: number, Type = 'tcp', IP?: string, PublicPort?: number) => ({
  ...(IP ? { IP } : {}), PrivatePort, ...(PublicPort ? { PublicPort } : {}), Type,
});

export const containers = [
  {
    Id: WEB, Names: ['/web'], Image: 'training/webapp', ImageID: IMAGE, Command: "python app.py --with 'many' arguments", Created: NOW_S - 330,
    Ports: [
      port(5000, 'tcp', '0.0.0.0', 32768), port(5000, 'tcp', '::', 32768), port(80, 'tcp', '0.0.0.0', 80), port(81, 'tcp', '0.0.0.0', 81),
      port(80, 'tcp', '::', 80), port(81, 'tcp', '::', 81), port(9000), port(9001), port(9002), port(53, 'udp'),
    ],
    Labels: { role: 'front', 'com.example.some-label': 'x' }, State: 'running', Status: 'Up 38 seconds', HostConfig: { NetworkMode: 'bridge' },
    NetworkSettings: { Networks: { bridge: {} } },
    Mounts: [{ Type: 'volume', Name: 'averyveryverylongvolumename', Source: '/v', Destination: '/d', Driver: 'local', Mode: '', RW: true, Propagation: '' }],
  },
  {
    Id: DB, Names: ['/web/db', '/db'], Image: `training/postgres:9@sha256:${'ab'.repeat(32)}`, ImageID: OTHER_IMAGE, Command: 'postgres',
    Created: NOW_S - 3 * 3600 - 30, Ports: [port(5432)], Labels: {}, State: 'running', Status: 'Up 3 hours (healthy)', HostConfig: { NetworkMode: 'net' },
    NetworkSettings: { Networks: { net: {} } }, Mounts: [], SizeRw: 1234567, SizeRootFs: 987654321,
  },
  {
    Id: JOB, Names: ['/jöb'], Image: '1a2b3c4d1a2b', ImageID: IMAGE, Command: 'sh -c "echo <hi>"', Created: NOW_S - 86400 * 20,
    Ports: [], Labels: null, State: 'exited', Status: 'Exited (0) 2 weeks ago', HostConfig: { NetworkMode: 'none' },
    NetworkSettings: { Networks: { none: {} } }, Mounts: [],
  },
];

export const images = [
  {
    Id: IMAGE, ParentId: '', RepoTags: ['busybox:latest', 'busybox:1.36'], RepoDigests: [`busybox@sha256:${'cd'.repeat(32)}`],
    Created: NOW_S - 86400 * 400, Size: 4261550, SharedSize: -1, Containers: -1, Labels: {},
  },
  { Id: `sha256:${'7'.repeat(64)}`, ParentId: '', RepoTags: ['localhost:5000/team/app:v1'], RepoDigests: [], Created: NOW_S - 7200, Size: 42, SharedSize: -1, Containers: -1, Labels: {} },
  { Id: OTHER_IMAGE, ParentId: '', RepoTags: [], RepoDigests: [], Created: 0, Size: 123456789, SharedSize: -1, Containers: -1, Labels: null },
];

const network = (Name: string, Id: string, Created: string, rest: object) => ({
  Name, Id, Created, Scope: 'local', Driver: 'bridge', EnableIPv4: true, EnableIPv6: false, IPAM: { Driver: 'default', Options: null, Config: [] },
  Internal: false, Labels: {}, ...rest,
});

export const networks = [
  network('net10', NET, '2024-05-01T10:00:00.123456789Z', { EnableIPv6: true, Internal: true, Labels: { a: 'b' } }),
  network('net9', '12'.repeat(32), '2024-05-01T10:00:00.12Z', {}),
  network('bridge', '34'.repeat(32), '2024-05-01T10:00:00Z', {}),
];

/** The text: escapes are to come out as they went in. */
export const webInspect = JSON.stringify({
  Id: WEB, Created: '2024-05-01T10:00:00.123456789Z', Path: 'python', Args: ['app.py', '-x'],
  State: {
    Status: 'running', Running: true, Paused: false, Restarting: false, OOMKilled: false, Dead: false, Pid: 4242, ExitCode: 0, Error: '',
    StartedAt: '2024-05-01T10:00:01Z', FinishedAt: '0001-01-01T00:00:00Z',
  },
  Image: IMAGE, ResolvConfPath: '/r', HostnamePath: '/h', HostsPath: '/hosts', LogPath: '', Name: '/web', RestartCount: 2, Driver: 'overlay2', Platform: 'linux',
  MountLabel: '', ProcessLabel: '', AppArmorProfile: '', ExecIDs: null,
  HostConfig: {
    Binds: ['/a:/b:ro', 'vol:/c'], ContainerIDFile: '', LogConfig: { Type: 'json-file', Config: {} }, NetworkMode: 'bridge',
    PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '80' }], '443/tcp': null }, RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 }, AutoRemove: false,
    VolumeDriver: '', VolumesFrom: null, ConsoleSize: [24, 80], CapAdd: ['CAP_NET_ADMIN'], CapDrop: null, CgroupnsMode: 'host', Dns: [], DnsOptions: [], DnsSearch: [],
    ExtraHosts: null, GroupAdd: null, IpcMode: 'private', Cgroup: '', Links: ['/db:/web/db'], OomScoreAdj: 0, PidMode: '', Privileged: false, PublishAllPorts: true,
    ReadonlyRootfs: false, SecurityOpt: null, UTSMode: '', UsernsMode: '', ShmSize: 67108864, Runtime: 'runc', Isolation: '', CpuShares: 0, Memory: 268435456,
    NanoCpus: 1500000000, CgroupParent: '', BlkioWeight: 0, BlkioWeightDevice: [], BlkioDeviceReadBps: null, BlkioDeviceWriteBps: null, BlkioDeviceReadIOps: null,
    BlkioDeviceWriteIOps: null, CpuPeriod: 0, CpuQuota: 0, CpuRealtimePeriod: 0, CpuRealtimeRuntime: 0, CpusetCpus: '', CpusetMems: '', Devices: [],
    DeviceCgroupRules: null, DeviceRequests: null, MemoryReservation: 0, MemorySwap: 536870912, MemorySwappiness: null, OomKillDisable: false, PidsLimit: null,
    Ulimits: [], CpuCount: 0, CpuPercent: 0, IOMaximumIOps: 0, IOMaximumBandwidth: 0, MaskedPaths: ['/proc/kcore'], ReadonlyPaths: [],
  },
  GraphDriver: { Data: { MergedDir: '/m', LowerDir: '/l' }, Name: 'overlay2' },
  Mounts: [{ Type: 'bind', Source: '/a', Destination: '/b', Mode: 'ro', RW: false, Propagation: 'rprivate' }],
  Config: {
    Hostname: 'f0f0f0f0f0f0', Domainname: '', User: '', AttachStdin: false, AttachStdout: true, AttachStderr: true, ExposedPorts: { '80/tcp': {}, '443/tcp': {} },
    Tty: false, OpenStdin: false, StdinOnce: false, Env: ['PATH=/bin', 'A=<b>&c'], Cmd: ['python', 'app.py'], Image: 'training/webapp', Volumes: null,
    WorkingDir: '/opt', Entrypoint: null, OnBuild: null, Labels: { 'com.example.some-label': 'x', role: 'front' },
  },
  NetworkSettings: {
    Bridge: '', SandboxID: 'sb', SandboxKey: '/var/run/netns/x',
    Ports: {
      '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '80' }, { HostIp: '::', HostPort: '80' }], '443/tcp': null, '53/udp': [{ HostIp: '127.0.0.1', HostPort: '1053' }],
    },
    HairpinMode: false, LinkLocalIPv6Address: '', LinkLocalIPv6PrefixLen: 0, SecondaryIPAddresses: null, SecondaryIPv6Addresses: null, EndpointID: 'ep',
    Gateway: '172.17.0.1', GlobalIPv6Address: '', GlobalIPv6PrefixLen: 0, IPAddress: '172.17.0.2', IPPrefixLen: 16, IPv6Gateway: '', MacAddress: '02:42:ac:11:00:02',
    Networks: {
      bridge: {
        IPAMConfig: null, Links: null, Aliases: null, MacAddress: '02:42:ac:11:00:02', DriverOpts: null, GwPriority: 0, NetworkID: NET, EndpointID: 'ep',
        Gateway: '172.17.0.1', IPAddress: '172.17.0.2', IPPrefixLen: 16, IPv6Gateway: '', GlobalIPv6Address: '', GlobalIPv6PrefixLen: 0, DNSNames: null,
      },
    },
  },
}).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026');

export const netInspect = {
  Name: 'net10', Id: NET, Created: '2024-05-01T10:00:00.123456789Z', Scope: 'local', Driver: 'bridge', EnableIPv4: true, EnableIPv6: false,
  IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: '172.18.0.0/16', Gateway: '172.18.0.1' }] }, Internal: false, Attachable: false, Ingress: false,
  ConfigFrom: { Network: '' }, ConfigOnly: false,
  Containers: { [DB]: { Name: 'db', EndpointID: 'ep2', MacAddress: '02:42:ac:12:00:02', IPv4Address: '172.18.0.2/16', IPv6Address: '' } },
  Options: { 'com.docker.network.bridge.name': 'br0' }, Labels: {},
};

export const imageInspect = {
  Id: IMAGE, RepoTags: ['busybox:latest'], RepoDigests: [], Parent: '', Comment: 'imported', Created: '2024-05-01T10:00:00Z', DockerVersion: '', Author: '',
  Config: { Env: ['PATH=/bin'], Cmd: ['sh'], ExposedPorts: { '80/tcp': {} }, Labels: null }, Architecture: 'amd64', Os: 'linux', Size: 4261550,
  GraphDriver: { Data: null, Name: 'overlay2' }, RootFS: { Type: 'layers', Layers: ['sha256:aa'] }, Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
};

export const volumes = [
  { CreatedAt: '2024-05-01T10:00:00Z', Driver: 'local', Labels: { a: 'b' }, Mountpoint: '/var/lib/v10/_data', Name: 'v10', Options: null, Scope: 'local' },
  { CreatedAt: '2024-05-01T10:00:00Z', Driver: 'local', Labels: null, Mountpoint: '/var/lib/v9/_data', Name: 'v9', Options: {}, Scope: 'local', UsageData: { RefCount: 1, Size: 2048 } },
];

export const info = {
  ID: 'aaaa-bbbb', Containers: 3, ContainersRunning: 2, ContainersPaused: 0, ContainersStopped: 1, Images: 2, Driver: 'overlay2',
  DriverStatus: [['Backing Filesystem', 'extfs'], ['Native Overlay Diff', 'true']],
  Plugins: { Volume: ['local'], Network: ['bridge', 'host', 'macvlan', 'null'], Authorization: null, Log: ['json-file'] }, MemoryLimit: true, SwapLimit: true,
  Debug: false, NFd: 24, NGoroutines: 40, SystemTime: '2024-05-01T10:00:00Z', LoggingDriver: 'json-file', CgroupDriver: 'cgroupfs', CgroupVersion: '2', NEventsListener: 0,
  KernelVersion: '6.1.0', OperatingSystem: 'Debian GNU/Linux 12', OSVersion: '12', OSType: 'linux', Architecture: 'x86_64', IndexServerAddress: 'https://index.docker.io/v1/',
  RegistryConfig: {
    IndexConfigs: { 'reg:5000': { Name: 'reg:5000', Mirrors: [], Secure: false, Official: false } }, InsecureRegistryCIDRs: ['127.0.0.0/8'], Mirrors: ['https://m/'],
  },
  NCPU: 2, MemTotal: 8345169920, GenericResources: null, DockerRootDir: '/var/lib/docker', HttpProxy: '', HttpsProxy: '', NoProxy: '', Name: 'host', Labels: ['x=y'],
  ExperimentalBuild: false, ServerVersion: '28.2.2', Runtimes: { runc: { path: 'runc' } }, DefaultRuntime: 'runc',
  Swarm: { NodeID: '', NodeAddr: '', LocalNodeState: 'inactive', ControlAvailable: false, Error: '', RemoteManagers: null }, LiveRestoreEnabled: true, Isolation: '',
  InitBinary: 'docker-init', ContainerdCommit: { ID: 'c' }, RuncCommit: { ID: 'r' }, InitCommit: { ID: 'i' }, SecurityOptions: ['name=seccomp,profile=builtin', 'name=cgroupns'],
  DefaultAddressPools: [{ Base: '172.30.0.0/16', Size: 24 }], FirewallBackend: { Driver: 'nftables' }, CDISpecDirs: ['/etc/cdi'],
  Warnings: ['WARNING: bridge-nf-call-iptables is disabled'],
};

export const diskUsage = {
  LayersSize: 4261550 + 123456789,
  Images: images.map((image, index) => ({ ...image, SharedSize: 0, Containers: index === 0 ? 2 : 0 })),
  Containers: containers.map((container) => ({ ...container, SizeRw: 1000, SizeRootFs: 4000000 })),
  Volumes: volumes.map((volume, index) => ({ ...volume, UsageData: { RefCount: index, Size: 2048 } })),
  BuildCache: [],
};

export const history = [
  {
    Id: IMAGE, Created: NOW_S - 86400 * 3, CreatedBy: '/bin/sh -c #(nop)  CMD ["sh"] and\tmuch more than fits into a column', Tags: ['busybox:latest'], Size: 0, Comment: '',
  },
  { Id: '<missing>', Created: 0, CreatedBy: '', Tags: null, Size: 4261550, Comment: 'Imported from -' },
];

const cpu = (total_usage: number, system_cpu_usage: number) => ({
  cpu_usage: { total_usage, usage_in_kernelmode: 1, usage_in_usermode: 1 }, system_cpu_usage, online_cpus: 2, throttling_data: {},
});

export const statistics = {
  name: '/web', id: WEB, read: '2024-05-01T10:00:00Z', preread: '2024-05-01T09:59:59Z', pids_stats: { current: 7 }, num_procs: 0, storage_stats: {},
  blkio_stats: { io_service_bytes_recursive: [{ major: 8, minor: 0, op: 'read', value: 4096000 }, { major: 8, minor: 0, op: 'write', value: 1024 }] },
  cpu_stats: cpu(500000000, 20000000000), precpu_stats: cpu(400000000, 18000000000),
  memory_stats: { usage: 52428800, stats: { inactive_file: 10485760 }, limit: 8345169920 }, networks: { eth0: { rx_bytes: 1234, tx_bytes: 56789012 } },
};

/** Lines: nanoseconds do not fit a JavaScript number. */
export const events = [
  `{"status":"start","id":"${WEB}","from":"training/webapp","Type":"container","Action":"start","Actor":{"ID":"${WEB}","Attributes":{"name":"web","image":"training/webapp"}},"scope":"local","time":1714557600,"timeNano":1714557600123456789}`,
  `{"Type":"network","Action":"connect","Actor":{"ID":"${NET}","Attributes":{"container":"${WEB}","name":"net","type":"bridge"}},"scope":"local","time":1714557601,"timeNano":1714557601000000001}`,
  '',
].join('\n');

export const version = {
  Platform: { Name: 'Fake' }, Components: [{ Name: 'Engine', Version: '1.2.3', Details: { Os: 'linux' } }], Version: '1.2.3', ApiVersion: '1.50', MinAPIVersion: '1.24',
  GitCommit: 'abc', GoVersion: 'go1', Os: 'linux', Arch: 'amd64', KernelVersion: '6.1', BuildTime: '2024-05-01',
};
