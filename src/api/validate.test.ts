/** What create refuses before the engine sees it, in Docker's words. */
import assert from 'node:assert/strict';
import { cpus } from 'node:os';
import { test } from 'node:test';
import { createRequestSchema } from '../wire/container-create.ts';
import { networkCreateSchema } from '../wire/network.ts';
import { checkValue } from '../wire/parse-body.ts';
import { validateConfig } from './validate-config.ts';
import { validateHost } from './validate-host.ts';
import { toNetworkSpec } from './map/network-json.ts';
import { validateNetwork } from './validate-network.ts';
import { validateNetworkMode } from './validate-network-mode.ts';

function check(body: object): string[] {
  const request = checkValue(createRequestSchema, 'CreateRequest', body);
  validateNetworkMode(request);
  validateConfig(request);
  return validateHost(request.HostConfig);
}

function refusal(body: object): string {
  try {
    check(body);
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}

test('network modes', () => {
  const mode = (host: object, config: object = {}) => refusal({ ...config, HostConfig: host });
  const container = { NetworkMode: 'container:x' };
  assert.equal(
    mode({ NetworkMode: 'container:' }),
    'invalid network mode: invalid container format container:<name|id>',
  );
  assert.equal(mode(container, { Hostname: 'h' }), 'conflicting options: hostname and the network mode');
  assert.equal(mode({ ...container, Dns: ['1.1.1.1'] }), 'conflicting options: dns and the network mode');
  assert.equal(
    mode({ ...container, ExtraHosts: ['a:1.1.1.1'] }),
    'conflicting options: custom host-to-IP mapping and the network mode',
  );
  assert.equal(
    mode({ ...container, PublishAllPorts: true }),
    'conflicting options: port publishing and the container type network mode',
  );
  assert.equal(
    mode(container, { ExposedPorts: { '80/tcp': {} } }),
    'conflicting options: port exposing and the container type network mode',
  );
  assert.match(
    mode({ ...container, Links: ['a:b'] }),
    /^conflicting options: container type network can't be used with links/,
  );
  assert.match(
    mode({ NetworkMode: 'host', Links: ['a:b'] }),
    /^conflicting options: host type networking can't be used with links/,
  );
  assert.equal(mode({ UTSMode: 'host' }, { Hostname: 'h' }), 'conflicting options: hostname and the UTS mode');
  assert.equal(mode({ NetworkMode: 'none', Links: ['a:b'] }), 'accepted');
  assert.deepEqual(check({ HostConfig: { NetworkMode: 'host', PortBindings: { '80/tcp': [] } } }), [
    'Published ports are discarded when using host network mode',
  ]);
});

test('limits', () => {
  const limits = (host: object) => refusal({ HostConfig: host });
  const MB = 1024 * 1024;
  assert.equal(limits({ Memory: 4 * MB }), 'Minimum memory limit allowed is 6MB');
  assert.equal(
    limits({ Memory: 64 * MB, MemorySwap: 32 * MB }),
    'Minimum memoryswap limit should be larger than memory limit, see usage',
  );
  assert.equal(
    limits({ MemorySwap: 32 * MB }),
    'You should always set the Memory limit when using Memoryswap limit, see usage',
  );
  assert.equal(limits({ MemorySwappiness: 101 }), 'Invalid value: 101, valid memory swappiness range is 0-100');
  assert.equal(
    limits({ NanoCpus: 1e9, CpuPeriod: 1000 }),
    'Conflicting options: Nano CPUs and CPU Period cannot both be set',
  );
  const n = cpus().length;
  assert.equal(
    limits({ NanoCpus: (n + 1) * 1e9 }),
    `range of CPUs is from 0.01 to ${n}.00, as there are only ${n} CPUs available`,
  );
  assert.equal(limits({ CpuQuota: 10 }), 'CPU cfs quota can not be less than 1ms (i.e. 1000)');
  assert.equal(limits({ CpusetCpus: 'x' }), 'Invalid value x for cpuset cpus: invalid format: x');
  for (const Path of ['', 'sda', '/etc/x', '/dev/../srv/x', '/devices'])
    for (const setting of [{ BlkioDeviceReadBps: [{ Path, Rate: 1 }] }, { BlkioWeightDevice: [{ Path, Weight: 10 }] }])
      assert.equal(limits(setting), `bad format for device path: ${Path}`);
  assert.equal(limits({ BlkioWeightDevice: [{ Path: '/dev/a', Weight: 5 }] }), 'invalid weight for device: /dev/a:5');
});

test('the host', () => {
  const host = (settings: object) => refusal({ HostConfig: settings });
  assert.equal(
    host({ AutoRemove: true, RestartPolicy: { Name: 'always' } }),
    "can't create 'AutoRemove' container with restart policy",
  );
  assert.equal(
    host({ RestartPolicy: { Name: 'sometimes' } }),
    "invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
  );
  assert.equal(
    host({ RestartPolicy: { Name: 'always', MaximumRetryCount: 3 } }),
    "invalid restart policy: maximum retry count can only be used with 'on-failure'",
  );
  assert.equal(
    host({ RestartPolicy: { Name: 'on-failure', MaximumRetryCount: -1 } }),
    'invalid restart policy: maximum retry count cannot be negative',
  );
  assert.equal(host({ ExtraHosts: ['bad'] }), 'bad format for add-host: "bad"');
  assert.equal(host({ ExtraHosts: ['bad:300.1.1.1'] }), 'invalid IP address in add-host: "300.1.1.1"');
  assert.equal(host({ ExtraHosts: ['six:fd00::6', 'gw:host-gateway', 'b=[::1]'] }), 'accepted');
  assert.equal(host({ PortBindings: { 'x/tcp': [] } }), 'invalid port specification: "x"');
  assert.equal(host({ PortBindings: { '80/tcp': [{ HostPort: '9-8' }] } }), 'invalid port specification: "9-8"');
  assert.equal(host({ PortBindings: { '80/tcp': [{ HostPort: '8000-8010' }, { HostPort: '' }] } }), 'accepted');
  assert.equal(host({ CapAdd: ['nope'] }), 'invalid CapAdd: unknown capability: "CAP_NOPE"');
  assert.equal(host({ CapAdd: ['ALL', 'net_admin', 'CAP_SYS_TIME'] }), 'accepted');
  assert.equal(host({ IpcMode: 'x' }), 'invalid IPC mode: x');
  assert.equal(host({ PidMode: 'container:' }), 'invalid PID mode: container:');
  assert.equal(host({ OomScoreAdj: 1001 }), 'Invalid value 1001, range for oom score adj is [-1000, 1000]');
  assert.equal(host({ SecurityOpt: ['nonsense'] }), 'invalid --security-opt 1: "nonsense"');
  assert.equal(host({ SecurityOpt: ['seccomp={"a":1}', 'no-new-privileges', 'label:disable'] }), 'accepted');
  assert.equal(
    host({ Mounts: [{ Type: 'bind', Target: '/x' }] }),
    'invalid mount config for type "bind": field Source must not be empty',
  );
  assert.equal(
    host({ Mounts: [{ Type: 'volume', Target: '/' }] }),
    `invalid mount config for type "volume": invalid specification: destination can't be '/'`,
  );
  const bind = (ReadOnly: boolean, BindOptions: object) =>
    host({ Mounts: [{ Type: 'bind', Source: '/s', Target: '/x', ReadOnly, BindOptions }] });
  assert.equal(
    bind(false, { ReadOnlyNonRecursive: true }),
    'mount options conflict: !ReadOnly && BindOptions.ReadOnlyNonRecursive',
  );
  assert.equal(
    bind(false, { ReadOnlyForceRecursive: true }),
    'mount options conflict: !ReadOnly && BindOptions.ReadOnlyForceRecursive',
  );
  assert.equal(
    bind(true, { ReadOnlyForceRecursive: true, ReadOnlyNonRecursive: true }),
    'mount options conflict: ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive',
  );
  assert.equal(
    host({ Mounts: [{ Type: 'npipe', Target: '/x' }] }),
    'invalid mount config for type "npipe": mount type unknown',
  );
  const image = (mount: object) => host({ Mounts: [{ Type: 'image', Source: 'busybox', Target: '/x', ...mount }] });
  assert.equal(image({ ImageOptions: { Subpath: 'a/../b' } }), 'accepted');
  for (const [mount, reason] of [
    [{ Source: '' }, 'field Source must not be empty'],
    [{ BindOptions: {} }, 'field BindOptions must not be specified'],
    [{ VolumeOptions: {} }, 'field VolumeOptions must not be specified'],
    [{ ImageOptions: { Subpath: '/a' } }, 'subpath must be a relative path within the volume'],
    [{ ImageOptions: { Subpath: 'a/../../b' } }, 'subpath must be a relative path within the volume'],
  ] as const)
    assert.equal(image(mount), `invalid mount config for type "image": ${reason}`);
  for (const Type of ['bind', 'volume'])
    assert.equal(
      host({ Mounts: [{ Type, Source: '/tmp', Target: '/x', ImageOptions: {} }] }),
      `invalid mount config for type "${Type}": field ImageOptions must not be specified`,
    );
  assert.equal(host({ Tmpfs: { x: '' } }), "invalid mount path: 'x' mount path must be absolute");
});

test('the process', () => {
  assert.equal(
    refusal({ WorkingDir: 'rel' }),
    "the working directory 'rel' is invalid, it needs to be an absolute path",
  );
  assert.equal(refusal({ StopSignal: 'SIGNOPE' }), 'invalid signal: SIGNOPE');
  for (const signal of ['SIGTERM', 'term', '9', 'RTMIN+3', 'SIGRTMAX-1'])
    assert.equal(refusal({ StopSignal: signal }), 'accepted', signal);
  assert.equal(refusal({ Env: ['=x'] }), 'invalid environment variable: =x');
  assert.equal(refusal({ Healthcheck: { Interval: 5 } }), 'Interval in Healthcheck cannot be less than 1ms');
  assert.equal(refusal({ Healthcheck: { Retries: -1 } }), 'Retries in Healthcheck cannot be negative');
});

test('networks', () => {
  const network = (body: object) => {
    try {
      validateNetwork(toNetworkSpec(checkValue(networkCreateSchema, 'CreateRequest', body)));
    } catch (error) {
      return (error as Error).message;
    }
    return 'accepted';
  };
  const pool = (config: object) => network({ Name: 'n', IPAM: { Config: [config] } });
  assert.equal(network({ Name: 'host' }), 'operation is not permitted on predefined host network ');
  assert.equal(network({ Name: ' ' }), 'invalid name: name is empty');
  assert.equal(
    pool({ Subnet: '10.0.0.0' }),
    'invalid network config:\ninvalid subnet 10.0.0.0: invalid CIDR block notation',
  );
  assert.equal(
    pool({ Subnet: '10.0.0.0/24', Gateway: '10.0.1.1' }),
    "invalid network config:\ninvalid gateway 10.0.1.1: parent subnet 10.0.0.0/24 doesn't contain this address",
  );
  assert.equal(
    pool({ Subnet: '10.0.0.0/24', IPRange: '10.0.0.0/16' }),
    'invalid network config:\ninvalid ip-range 10.0.0.0/16: CIDR block is bigger than its parent subnet 10.0.0.0/24',
  );
  assert.equal(
    pool({ Subnet: '10.0.0.1/24', AuxiliaryAddresses: { a: 'fd00::1' } }),
    'invalid network config:\n* invalid subnet 10.0.0.1/24: it should be 10.0.0.0/24\n* invalid auxiliary address a: parent subnet is an IPv4 block',
  );
  assert.equal(
    pool({
      Subnet: '10.0.0.0/24',
      IPRange: '10.0.0.128/25',
      Gateway: '10.0.0.1',
      AuxiliaryAddresses: { r: '10.0.0.2' },
    }),
    'accepted',
  );
});

test("what becomes a word in a container's hosts file or resolv.conf is one word", () => {
  const host = (value: object) => refusal({ HostConfig: value });
  assert.equal(
    refusal({ Hostname: 'x\n192.0.2.1 evil.example' }),
    'invalid hostname "x\\n192.0.2.1 evil.example": it must have no white space and no control characters',
  );
  assert.match(refusal({ Domainname: 'a b' }), /^invalid domain name "a b"/);
  assert.equal(
    host({ ExtraHosts: ['a\n192.0.2.1 b:192.0.2.2'] }),
    'bad format for add-host: "a\\n192.0.2.1 b:192.0.2.2"',
  );
  assert.match(host({ DnsSearch: ['x\nnameserver 192.0.2.53'] }), /^invalid DNS search domain/);
  assert.match(host({ DnsOptions: ['ndots:0\nnameserver 192.0.2.53'] }), /^invalid DNS option/);
  assert.match(host({ Links: ['db:x\t192.0.2.1'] }), /^invalid link/);
  for (const server of ['zzz', '', '192.0.2.53\noptions x'])
    assert.match(host({ Dns: [server] }), /^invalid DNS server ".*": it is not an IP address$/);
  assert.equal(
    refusal({
      Hostname: 'web.example',
      Domainname: 'example.org',
      HostConfig: {
        Dns: ['192.0.2.53', '2001:db8::53'],
        DnsSearch: ['.', 'example.org'],
        DnsOptions: ['ndots:0'],
        ExtraHosts: ['a:192.0.2.1', 'b=[::1]', 'c:host-gateway'],
        Links: ['db:db'],
      },
    }),
    'accepted',
  );
});
