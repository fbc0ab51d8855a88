/** Create and inspect: what Docker 28 shows for what its client sends, and that what is shown can be sent again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZERO_TIME } from '../../base/clock.ts';
import type { ContainerRecord, ContainerSpec } from '../../model/container.ts';
import { EMPTY_ENDPOINT_SPEC } from '../../model/endpoint.ts';
import { createRequestSchema } from '../../wire/container-create.ts';
import { checkValue } from '../../wire/parse-body.ts';
import { adaptCreate } from '../create-by-version.ts';
import { apiVersionNumber } from '../../wire/api-version.ts';
import { addPublished } from './network-settings.ts';
import { toContainerJson, toContainerSummary } from './container-json.ts';
import { toContainerSpec } from './container-spec.ts';
import type { ContainerView } from '../../model/views.ts';

const ID = 'c0ffee'.padEnd(64, '0');
const SHOW = {
  version: apiVersionNumber('1.51'),
  cgroupVersion: '2',
  defaultRuntime: 'runc',
  storageDriver: 'overlay2',
} as const;

function specOf(body: object): ContainerSpec {
  const request = checkValue(createRequestSchema, 'CreateRequest', body);
  adaptCreate(request, SHOW.version, '2');
  return toContainerSpec(request);
}

function viewOf(
  spec: ContainerSpec,
  changes: Partial<ContainerRecord> = {},
  view: Partial<ContainerView> = {},
): ContainerView {
  return {
    record: {
      id: ID,
      name: 'web',
      createdAt: '2025-01-02T03:04:05.123456789Z',
      imageId: `sha256:${'a'.repeat(64)}`,
      spec,
      path: 'sleep',
      args: ['10 00'],
      state: {
        status: 'created',
        pid: 0,
        exitCode: 0,
        error: '',
        oomKilled: false,
        startedAt: ZERO_TIME,
        finishedAt: ZERO_TIME,
        health: null,
      },
      restartCount: 0,
      stoppedByUser: false,
      mounts: [],
      connections: [],
      links: [],
      ...changes,
    },
    names: ['web'],
    imageRef: 'busybox',
    endpoints: [],
    sandboxId: '',
    sandboxKey: '',
    execIds: [],
    paths: { hosts: '/h', hostname: '/n', resolvConf: '/r', log: '/l' },
    graph: {},
    platform: 'linux',
    ...view,
  };
}

test('HostConfig of a plain container is the one Docker shows', () => {
  const asked = specOf({ Image: 'busybox', Cmd: ['sleep', '1000'], HostConfig: { LogConfig: { Type: 'json-file' } } });
  // The engine fills in the daemon's defaults.
  const defaults = { ipcMode: 'private', cgroupnsMode: 'private', shmSizeBytes: 64 * 1024 * 1024 };
  const { HostConfig } = toContainerJson(viewOf({ ...asked, host: { ...asked.host, ...defaults } }), SHOW);
  assert.deepEqual(HostConfig, {
    Binds: null,
    ContainerIDFile: '',
    LogConfig: { Type: 'json-file', Config: {} },
    NetworkMode: 'bridge',
    PortBindings: {},
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    AutoRemove: false,
    VolumeDriver: '',
    VolumesFrom: null,
    ConsoleSize: [0, 0],
    CapAdd: null,
    CapDrop: null,
    CgroupnsMode: 'private',
    Dns: [],
    DnsOptions: [],
    DnsSearch: [],
    ExtraHosts: null,
    GroupAdd: null,
    IpcMode: 'private',
    Cgroup: '',
    Links: null,
    OomScoreAdj: 0,
    PidMode: '',
    Privileged: false,
    PublishAllPorts: false,
    ReadonlyRootfs: false,
    SecurityOpt: null,
    UTSMode: '',
    UsernsMode: '',
    ShmSize: 67108864,
    Runtime: 'runc',
    Isolation: '',
    CpuShares: 0,
    Memory: 0,
    NanoCpus: 0,
    CgroupParent: '',
    BlkioWeight: 0,
    BlkioWeightDevice: [],
    BlkioDeviceReadBps: [],
    BlkioDeviceWriteBps: [],
    BlkioDeviceReadIOps: [],
    BlkioDeviceWriteIOps: [],
    CpuPeriod: 0,
    CpuQuota: 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: '',
    CpusetMems: '',
    Devices: [],
    DeviceCgroupRules: null,
    DeviceRequests: null,
    MemoryReservation: 0,
    MemorySwap: 0,
    MemorySwappiness: null,
    OomKillDisable: null,
    PidsLimit: null,
    Ulimits: [],
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
    MaskedPaths: [
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
    ],
    ReadonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
  });
});

test('what is shown can be sent again and means the same', () => {
  const body = {
    Image: 'busybox',
    Hostname: 'h',
    Domainname: 'd',
    User: '1:2',
    AttachStdout: true,
    ExposedPorts: { '80/tcp': {}, '53/udp': {} },
    Tty: true,
    OpenStdin: true,
    Env: ['A=b'],
    Cmd: ['a'],
    Entrypoint: 'sh',
    Healthcheck: { Test: ['CMD', 'true'], Interval: 1e9, Retries: 3 },
    Volumes: { '/v': {} },
    WorkingDir: '/w',
    Labels: { l: '' },
    StopSignal: 'INT',
    StopTimeout: 0,
    Shell: ['sh', '-c'],
    HostConfig: {
      Binds: ['/a:/b:ro'],
      ContainerIDFile: 'f',
      LogConfig: { Type: 'local', Config: { 'max-size': '1m' } },
      NetworkMode: 'front',
      PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }, { HostPort: '' }] },
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
      VolumesFrom: ['x'],
      ConsoleSize: [24, 80],
      Annotations: { a: 'b' },
      CapAdd: ['NET_ADMIN'],
      CapDrop: ['ALL'],
      CgroupnsMode: 'host',
      Dns: ['1.1.1.1'],
      DnsOptions: ['ndots:1'],
      DnsSearch: ['example.com'],
      ExtraHosts: ['a:1.2.3.4'],
      GroupAdd: ['3'],
      IpcMode: 'shareable',
      OomScoreAdj: 5,
      PidMode: 'host',
      ReadonlyRootfs: true,
      SecurityOpt: ['no-new-privileges', 'label=disable'],
      StorageOpt: { size: '1G' },
      Tmpfs: { '/t': 'size=1m' },
      UTSMode: '',
      UsernsMode: 'host',
      ShmSize: 1 << 20,
      Sysctls: { 'net.ipv4.ip_forward': '1' },
      Runtime: 'crun',
      CpuShares: 2,
      Memory: 64 << 20,
      NanoCpus: 5e8,
      CgroupParent: '/p',
      BlkioWeight: 20,
      BlkioWeightDevice: [{ Path: '/dev/a', Weight: 300 }],
      BlkioDeviceReadBps: [{ Path: '/dev/b', Rate: 1000 }],
      BlkioDeviceWriteBps: [{ Path: '/dev/c', Rate: 2000 }],
      BlkioDeviceReadIOps: [{ Path: '/dev/d', Rate: 3 }],
      BlkioDeviceWriteIOps: [{ Path: '/dev/e', Rate: 4 }],
      CpusetCpus: '0',
      Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/x', CgroupPermissions: 'rwm' }],
      DeviceCgroupRules: ['c 1:3 r'],
      DeviceRequests: [
        { Driver: 'cdi', Count: 0, DeviceIDs: ['v.com/c=n'], Capabilities: null, Options: null },
        { Driver: '', Count: -1, DeviceIDs: null, Capabilities: [['gpu']], Options: {} },
      ],
      MemoryReservation: 32 << 20,
      MemorySwappiness: 3,
      PidsLimit: 100,
      Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }],
      Mounts: [
        {
          Type: 'bind',
          Source: '/s',
          Target: '/t1',
          ReadOnly: true,
          BindOptions: { Propagation: 'rslave', NonRecursive: true },
        },
        { Type: 'bind', Source: '/s', Target: '/t4', ReadOnly: true, BindOptions: { ReadOnlyNonRecursive: true } },
        { Type: 'bind', Source: '/s', Target: '/t5', ReadOnly: true, BindOptions: { ReadOnlyForceRecursive: true } },
        {
          Type: 'volume',
          Source: 'v',
          Target: '/t2',
          VolumeOptions: {
            NoCopy: true,
            Labels: { a: 'b' },
            Subpath: 's',
            DriverConfig: { Name: 'local', Options: { o: 'x' } },
          },
        },
        { Type: 'tmpfs', Target: '/t3', TmpfsOptions: { SizeBytes: 5, Mode: 0o700 } },
      ],
      MaskedPaths: [],
      ReadonlyPaths: ['/r'],
      Init: true,
    },
    NetworkingConfig: {
      EndpointsConfig: {
        front: {
          Aliases: ['x'],
          Links: ['db:d'],
          IPAMConfig: { IPv4Address: '10.0.0.5' },
          MacAddress: '02:00:00:00:00:01',
          DriverOpts: { a: 'b' },
          GwPriority: 7,
        },
      },
    },
  };
  const spec = specOf(body);
  const connections = Object.entries(spec.connection.networks).map(([name, endpoint]) => ({
    networkId: `id-${name}`,
    networkName: name,
    spec: endpoint,
  }));
  const json = toContainerJson(viewOf(spec, { connections }), SHOW);
  assert.deepEqual(json.Config.MacAddress, '02:00:00:00:00:01');
  const { MacAddress: _, ...config } = json.Config;
  const again = specOf(
    JSON.parse(
      JSON.stringify({
        ...config,
        HostConfig: json.HostConfig,
        NetworkingConfig: { EndpointsConfig: json.NetworkSettings.Networks },
      }),
    ),
  );
  assert.deepEqual(again, spec);
});

test('privileged, host mode, limits: the defaults that follow', () => {
  const json = toContainerJson(
    viewOf(specOf({ Image: 'a', HostConfig: { Privileged: true, Memory: 64 << 20, PidsLimit: -1 } })),
    SHOW,
  );
  assert.equal(json.HostConfig.MaskedPaths, null);
  assert.deepEqual(json.HostConfig.SecurityOpt, ['label=disable']);
  assert.equal(json.HostConfig.MemorySwap, 128 << 20);
  assert.equal(json.HostConfig.PidsLimit, null);
  assert.equal(
    toContainerJson(viewOf(specOf({ Image: 'a' })), { ...SHOW, cgroupVersion: '1' }).HostConfig.OomKillDisable,
    false,
  );
});

const running = {
  state: {
    status: 'running',
    pid: 42,
    exitCode: 0,
    error: '',
    oomKilled: false,
    startedAt: '2025-01-02T03:04:06Z',
    finishedAt: ZERO_TIME,
    health: null,
  },
} as const;

test('a live container on two networks', () => {
  const spec = specOf({
    Image: 'busybox',
    ExposedPorts: { '443/tcp': {}, '80/tcp': {}, '53/udp': {} },
    HostConfig: { NetworkMode: 'bridge' },
  });
  const endpoint = {
    containerId: ID,
    hostIfname: 'veth1',
    mac: '02:42:ac:11:00:02',
    ipv6: '',
    prefix6: 0,
    gateway6: '',
    spec: EMPTY_ENDPOINT_SPEC,
  };
  const view = viewOf(
    spec,
    {
      ...running,
      connections: [
        { networkId: 'n1', networkName: 'bridge', spec: EMPTY_ENDPOINT_SPEC },
        { networkId: 'n2', networkName: 'front', spec: { ...EMPTY_ENDPOINT_SPEC, aliases: ['www'] } },
      ],
      links: [{ sourceId: 'x', sourceName: 'db', alias: 'd' }],
    },
    {
      sandboxId: 'sandbox',
      sandboxKey: '/netns',
      endpoints: [
        {
          ...endpoint,
          id: 'e1',
          networkId: 'n1',
          networkName: 'bridge',
          ifname: 'eth0',
          ipv4: '172.17.0.2',
          prefix4: 16,
          gateway4: '172.17.0.1',
          dnsNames: [],
          published: [
            { port: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 8080 },
            { port: 80, protocol: 'tcp', hostIp: '::', hostPort: 8080 },
          ],
        },
        {
          ...endpoint,
          id: 'e2',
          networkId: 'n2',
          networkName: 'front',
          ifname: 'eth1',
          ipv4: '172.18.0.2',
          prefix4: 16,
          gateway4: '172.18.0.1',
          dnsNames: ['web', 'www', 'c0ffee000000'],
          published: [],
        },
      ],
    },
  );
  const json = toContainerJson(view, SHOW);
  const { Networks, Ports, IPAddress, Gateway, MacAddress, EndpointID } = json.NetworkSettings;
  assert.deepEqual(Ports, {
    '443/tcp': null,
    '80/tcp': [
      { HostIp: '0.0.0.0', HostPort: '8080' },
      { HostIp: '::', HostPort: '8080' },
    ],
    '53/udp': null,
  });
  assert.deepEqual(
    [IPAddress, Gateway, MacAddress, EndpointID],
    ['172.17.0.2', '172.17.0.1', '02:42:ac:11:00:02', 'e1'],
  );
  assert.deepEqual(Networks['bridge']?.DNSNames, null);
  assert.deepEqual(Networks['front'], {
    IPAMConfig: null,
    Links: null,
    Aliases: ['www'],
    MacAddress: '02:42:ac:11:00:02',
    DriverOpts: null,
    GwPriority: 0,
    NetworkID: 'n2',
    EndpointID: 'e2',
    Gateway: '172.18.0.1',
    IPAddress: '172.18.0.2',
    IPPrefixLen: 16,
    IPv6Gateway: '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    DNSNames: ['web', 'www', 'c0ffee000000'],
  });
  const old = toContainerJson(view, { ...SHOW, version: apiVersionNumber('1.44') });
  assert.deepEqual(old.NetworkSettings.Networks['front']?.Aliases, ['www', 'c0ffee000000']);
  assert.deepEqual(old.NetworkSettings.Networks['bridge']?.Aliases, null);
  assert.deepEqual(json.HostConfig.Links, ['/db:/web/d']);
  const summary = toContainerSummary(view, Date.parse('2025-01-02T03:05:00Z'));
  assert.deepEqual(summary.Ports, [
    { PrivatePort: 53, Type: 'udp' },
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { IP: '::', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { PrivatePort: 443, Type: 'tcp' },
  ]);
  assert.deepEqual(
    [summary.Names, summary.Command, summary.Created, summary.Status],
    [['/web'], "sleep '10 00'", 1735787045, 'Up 54 seconds'],
  );
});

test('a port that is only opened has no port on the host: Docker shows an empty one', () => {
  const opened = { port: 80, protocol: 'tcp', hostIp: '::', hostPort: 0 } as const;
  assert.deepEqual(addPublished({}, [{ ...opened, hostIp: '0.0.0.0', hostPort: 8080 }, opened]), {
    '80/tcp': [
      { HostIp: '0.0.0.0', HostPort: '8080' },
      { HostIp: '::', HostPort: '' },
    ],
  });
});

test('before and after its life a container keeps what was wanted of its networks', () => {
  const spec = specOf({
    Image: 'busybox',
    HostConfig: { NetworkMode: 'front' },
    NetworkingConfig: { EndpointsConfig: { front: { MacAddress: '02:00:00:00:00:01' } } },
  });
  const connections = [{ networkId: 'n2', networkName: 'front', spec: spec.connection.networks['front']! }];
  const fresh = toContainerJson(viewOf(spec, { connections }), SHOW).NetworkSettings;
  assert.deepEqual(
    [
      fresh.Networks['front']?.NetworkID,
      fresh.Networks['front']?.MacAddress,
      fresh.Networks['front']?.DNSNames,
      fresh.Ports,
    ],
    ['', '02:00:00:00:00:01', null, {}],
  );
  const stopped = {
    state: { ...running.state, status: 'exited', pid: 0, finishedAt: '2025-01-02T03:04:09Z' },
  } as const;
  const after = toContainerJson(viewOf(spec, { connections, ...stopped }), SHOW).NetworkSettings;
  assert.deepEqual(
    [after.Networks['front']?.NetworkID, after.Networks['front']?.IPAddress, after.Networks['front']?.DNSNames],
    ['n2', '', ['web', 'c0ffee000000']],
  );
});
