/** For each field of a create request a value that means something, and what must be there for it to mean that. */
import type { Field } from './schema-fields.ts';

type Json = Record<string, unknown>;

const EMPTY: Json = { Image: 'busybox', Cmd: ['true'] };

const mount = (fields: Json): Json => ({ HostConfig: { Mounts: [{ Target: '/data', ...fields }] } });
const host = (fields: Json): Json => ({ HostConfig: fields });

/** What a field stands in: by the beginning of its path, the longest first. */
const AROUND: readonly (readonly [prefix: string, body: Json])[] = [
  [
    'HostConfig.Mounts[].VolumeOptions',
    mount({ Type: 'volume', Source: 'data', VolumeOptions: { Labels: { a: 'b' } } }),
  ],
  ['HostConfig.Mounts[].TmpfsOptions', mount({ Type: 'tmpfs' })],
  ['HostConfig.Mounts[].ImageOptions', mount({ Type: 'image', Source: 'busybox' })],
  ['HostConfig.Mounts[].ClusterOptions', mount({ Type: 'cluster', Source: 'data' })],
  [
    'HostConfig.Mounts[].BindOptions.ReadOnly',
    mount({ Type: 'bind', Source: '/srv', ReadOnly: true, BindOptions: { Propagation: 'rprivate' } }),
  ],
  ['HostConfig.Mounts[].BindOptions', mount({ Type: 'bind', Source: '/srv', BindOptions: { Propagation: 'private' } })],
  ['HostConfig.Mounts', mount({ Type: 'bind', Source: '/srv' })],
  ['HostConfig.Devices', host({ Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/null' }] })],
  ['HostConfig.Ulimits', host({ Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }] })],
  ['HostConfig.RestartPolicy.MaximumRetryCount', host({ RestartPolicy: { Name: 'on-failure' } })],
  ['HostConfig.MemorySwap', host({ Memory: 64_000_000 })],
  ['HostConfig.MemoryReservation', host({ Memory: 64_000_000 })],
  ['HostConfig.PortBindings', host({ PortBindings: { '80/tcp': [{}] } })],
  ['HostConfig.BlkioWeightDevice', host({ BlkioWeightDevice: [{ Path: '/dev/null', Weight: 100 }] })],
  ...['BlkioDeviceReadBps', 'BlkioDeviceWriteBps', 'BlkioDeviceReadIOps', 'BlkioDeviceWriteIOps'].map(
    (name) => [`HostConfig.${name}`, host({ [name]: [{ Path: '/dev/null', Rate: 1 }] })] as const,
  ),
  ['Healthcheck', { Healthcheck: { Test: ['CMD', 'false'] } }],
  [
    'NetworkingConfig',
    { ...host({ NetworkMode: 'net' }), NetworkingConfig: { EndpointsConfig: { net: { Aliases: ['db'] } } } },
  ],
];

/** Where a string, a number or a list of the type is not enough. */
const VALUES: Readonly<Record<string, unknown>> = {
  Cmd: ['false'],
  Env: ['A=b'],
  ExposedPorts: { '80/tcp': {} },
  Image: 'busybox:1',
  MacAddress: '02:42:ac:11:00:09',
  StopSignal: 'SIGINT',
  Volumes: { '/data': {} },
  WorkingDir: '/srv',
  'Healthcheck.Test': ['CMD', 'true'],
  'Healthcheck.Interval': 1e9,
  'Healthcheck.Timeout': 1e9,
  'Healthcheck.StartPeriod': 1e9,
  'Healthcheck.StartInterval': 1e9,
  'HostConfig.Binds': ['/srv:/data'],
  'HostConfig.BlkioWeight': 100,
  'HostConfig.BlkioWeightDevice[].Path': '/dev/zero',
  'HostConfig.BlkioWeightDevice[].Weight': 200,
  'HostConfig.BlkioDeviceReadBps[].Path': '/dev/zero',
  'HostConfig.BlkioDeviceWriteBps[].Path': '/dev/zero',
  'HostConfig.BlkioDeviceReadIOps[].Path': '/dev/zero',
  'HostConfig.BlkioDeviceWriteIOps[].Path': '/dev/zero',
  'HostConfig.CapAdd': ['NET_ADMIN'],
  'HostConfig.CapDrop': ['CHOWN'],
  'HostConfig.CgroupnsMode': 'host',
  'HostConfig.ConsoleSize': [24, 80],
  'HostConfig.CpuPeriod': 100_000,
  'HostConfig.CpuQuota': 50_000,
  'HostConfig.CpusetCpus': '0',
  'HostConfig.CpusetMems': '0',
  'HostConfig.DeviceCgroupRules': ['c 1:3 r'],
  'HostConfig.DeviceRequests[].Capabilities': [['gpu']],
  'HostConfig.DeviceRequests[].Count': -1,
  'HostConfig.DeviceRequests[].DeviceIDs': ['vendor.com/class=name'],
  'HostConfig.DeviceRequests[].Driver': 'cdi',
  'HostConfig.DeviceRequests[].Options': { a: 'b' },
  'HostConfig.Devices[].CgroupPermissions': 'r',
  'HostConfig.Dns': ['192.0.2.53'],
  'HostConfig.ExtraHosts': ['db:192.0.2.1'],
  'HostConfig.IpcMode': 'host',
  'HostConfig.Isolation': 'hyperv',
  'HostConfig.KernelMemory': 64_000_000,
  'HostConfig.Links': ['db:database'],
  'HostConfig.LogConfig.Type': 'none',
  'HostConfig.Memory': 64_000_000,
  'HostConfig.MemoryReservation': 32_000_000,
  'HostConfig.MemorySwap': 128_000_001,
  'HostConfig.NanoCpus': 1e8,
  'HostConfig.NetworkMode': 'net',
  'HostConfig.PidMode': 'host',
  'HostConfig.PortBindings.*[].HostIp': '192.0.2.7',
  'HostConfig.PortBindings.*[].HostPort': '8080',
  'HostConfig.RestartPolicy.Name': 'always',
  'HostConfig.SecurityOpt': ['no-new-privileges'],
  'HostConfig.ShmSize': 1_000_000,
  'HostConfig.Sysctls': { 'net.core.somaxconn': '1024' },
  'HostConfig.Tmpfs': { '/run': '' },
  'HostConfig.UTSMode': 'host',
  'HostConfig.Ulimits[].Name': 'core',
  'HostConfig.UsernsMode': 'host',
  'HostConfig.StorageOpt': { size: '1G' },
  'HostConfig.VolumesFrom': ['web'],
  'HostConfig.MaskedPaths': ['/proc/kcore'],
  'HostConfig.ReadonlyPaths': ['/proc/bus'],
  'HostConfig.Mounts[].Type': 'image',
  'HostConfig.Mounts[].Source': '/opt',
  'HostConfig.Mounts[].Target': '/opt',
  'HostConfig.Mounts[].BindOptions.Propagation': 'rshared',
  'HostConfig.Mounts[].ClusterOptions': {},
  'HostConfig.Mounts[].TmpfsOptions.Mode': 0o700,
  'NetworkingConfig.EndpointsConfig.*.IPAMConfig.IPv4Address': '192.0.2.7',
  'NetworkingConfig.EndpointsConfig.*.IPAMConfig.IPv6Address': 'fd00::7',
  'NetworkingConfig.EndpointsConfig.*.IPAMConfig.LinkLocalIPs': ['169.254.9.9'],
  'NetworkingConfig.EndpointsConfig.*.Links': ['db:database'],
  'NetworkingConfig.EndpointsConfig.*.MacAddress': '02:42:ac:11:00:09',
};

const BY_TYPE: Readonly<Record<string, unknown>> = {
  string: 'x',
  boolean: true,
  number: 7,
  array: ['x'],
  record: { x: 'x' },
  union: ['x'],
  unknown: {},
};

/** Two requests that differ in the field alone. */
export function createSamples({ path, type }: Field): { without: Json; with: Json } {
  const without: Json = { ...EMPTY, ...AROUND.find(([prefix]) => path.startsWith(prefix))?.[1] };
  const value = Object.hasOwn(VALUES, path) ? VALUES[path] : BY_TYPE[type];
  if (value === undefined) throw new Error(`no value is known for ${path}, a ${type}`);
  const keys = path.replaceAll('[]', '.[]').split('.');
  return { without, with: placed(without, keys, value) as Json };
}

/** `value` at `keys` of a copy of `target`; '[]' is the first element, '*' the only key there is. */
function placed(target: unknown, keys: readonly string[], value: unknown): unknown {
  const [key, ...rest] = keys;
  if (key === undefined) return value;
  if (key === '[]') {
    const [first, ...others] = (target as unknown[] | undefined) ?? [];
    return [placed(first, rest, value), ...others];
  }
  const object = (target as Json | undefined) ?? {};
  const name = key === '*' ? (Object.keys(object)[0] ?? 'x') : key;
  return { ...object, [name]: placed(object[name], rest, value) };
}
