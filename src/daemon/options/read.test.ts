import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { daemonConfig } from '../daemon-config.ts';
import { daemonHelp } from './help.ts';
import { readDaemonOptions } from './read.ts';
import { DAEMON_OPTIONS } from './table.ts';

const directory = mkdtempSync(join(tmpdir(), 'cwt-options-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const file = join(directory, 'daemon.json');

const flags = (...argv: string[]) => readDaemonOptions(['--config-file', '/dev/null', ...argv]);
const withFile = (content: string | Buffer | object, ...argv: string[]) => {
  writeFileSync(file, typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content));
  return readDaemonOptions(['--config-file', file, ...argv]);
};
const config = (content: object, ...argv: string[]) => daemonConfig(withFile(content, ...argv));

test('the command line is read as pflag reads it', () => {
  assert.deepEqual(flags('-H=unix:///a', '-Hunix:///b', '-H', 'unix:///c', '--host', 'fd://', '--host=tcp://x').lists, {
    host: ['unix:///a', 'unix:///b', 'unix:///c', 'fd://', 'tcp://x'],
  });
  assert.deepEqual(flags('-D', '--icc=false', '--ipv6').switches, { debug: true, icc: false, ipv6: true });
  const joined = flags('-Dl', 'warn', '-G=docker', '-p/run/x.pid');
  assert.deepEqual(
    [joined.switches['debug'], joined.texts['log-level'], joined.texts['group'], joined.texts['pidfile']],
    [true, 'warn', 'docker', '/run/x.pid'],
  );
  assert.deepEqual(flags('--dns', '1.1.1.1,8.8.8.8', '--dns=9.9.9.9').lists['dns'], ['1.1.1.1', '8.8.8.8', '9.9.9.9']);
  for (const [argv, sentence] of [
    [['--nope'], /^unknown flag: --nope\nSee 'causeway daemon --help'\.$/],
    [['-Dz'], /^unknown shorthand flag: 'z' in -Dz\nSee 'causeway daemon --help'\.$/],
    [['--bip'], /^flag needs an argument: --bip$/],
    [['-H'], /^flag needs an argument: 'H' in -H$/],
    [['start'], /"causeway daemon" accepts no arguments, got "start"/],
    [['--icc=maybe'], /invalid argument "maybe" for "--icc" flag: expected true or false/],
    [['--mtu', 'wide'], /invalid argument "wide" for "--mtu" flag: expected a number/],
  ] as const)
    assert.throws(() => flags(...argv), { message: sentence });
});

test('an address to listen on may leave out what has a default', () => {
  const hosts = (...argv: string[]) => daemonConfig(flags(...argv)).hosts;
  const usual = 'unix:///run/causeway/causeway.sock';
  assert.deepEqual(hosts(), [usual]);
  assert.deepEqual(hosts('-H=unix://', '-H', ''), [usual, usual]);
  assert.deepEqual(hosts('-H', ':2375', '-H', '0.0.0.0', '-H', 'tcp://[::1]', '-H', 'tcp://'), [
    'tcp://localhost:2375',
    'tcp://0.0.0.0:2375',
    'tcp://[::1]:2375',
    'tcp://localhost:2375',
  ]);
  assert.deepEqual(hosts('--tls', '-H', 'tcp://0.0.0.0'), ['tcp://0.0.0.0:2376']);
  assert.deepEqual(hosts('-H', 'fd://', '-H', 'fd://3'), ['fd://', 'fd://3']);
  for (const bad of ['npipe://x', 'tcp://a/b', 'tcp://a:99999', 'unix://relative', 'tcp://a:b', 'unix://tcp://x'])
    assert.throws(() => hosts('-H', bad), /^Error: invalid bind address|invalid bind address \(/, bad);
});

test('an option in both places is refused, with both values as dockerd prints them', () => {
  for (const [content, argv, shown] of [
    [{ hosts: ['unix:///a', 'fd://'] }, ['-H', 'fd://'], 'hosts: (from flag: [fd://], from file: [unix:///a fd://])'],
    [{ debug: false }, ['-D'], 'debug: (from flag: true, from file: false)'],
    [
      { 'log-opts': { 'max-size': '1m' } },
      ['--log-opt', 'max-file=2'],
      'log-opts: (from flag: map[max-file:2], from file: map[max-size:1m])',
    ],
    [
      { proxies: { 'http-proxy': 'http://a:b@p:1' } },
      ['--http-proxy', 'http://c:d@q:2'],
      'http-proxy: (from flag: http://c:xxxxx@q:2, from file: http://a:xxxxx@p:1)',
    ],
  ] as const)
    assert.throws(
      () => withFile(content, ...argv),
      (error: Error) =>
        error.message.endsWith(
          `the following directives are specified both as a flag and in the configuration file: ${shown}`,
        ),
      shown,
    );
  assert.deepEqual(
    Object.keys(config({ runtimes: { a: { path: '/a' } } }, '--add-runtime', 'b=/b').runtimes).sort(),
    ['a', 'b'],
    'runtimes of both places add up',
  );
  assert.throws(
    () => withFile({ 'host-gateway-ip': '1.1.1.1', 'host-gateway-ips': ['1.1.1.1'] }),
    /host-gateway-ip and host-gateway-ips must not both be specified in the config file/,
  );
});

test('a key that dockerd does not know is refused, one that was renamed with its name of today', () => {
  assert.throws(
    () => withFile({ nope: 1, graph: '/mnt' }),
    /the following directives don't match any configuration option: nope, graph \(it is "data-root" today\)/,
  );
  assert.deepEqual(withFile({ 'insecure-registry': ['x'], label: ['a=b'] }).notes, [
    '"insecure-registry" has no effect: in the file it is "insecure-registries"',
    '"label" has no effect: in the file it is "labels"',
  ]);
});

test('values have the shapes that dockerd takes; another one is refused by name', () => {
  const read = config({
    dns: ['10.0.0.2'],
    'host-gateway-ip': '10.0.0.1',
    'default-ulimits': { nofile: { Name: 'nofile', Soft: 1024, Hard: 4096 }, core: { Hard: -1, Soft: -1 } },
    'default-address-pools': [{ base: '10.200.0.0/16', size: 24 }],
    'default-network-opts': { bridge: { 'com.docker.network.driver.mtu': '1400' } },
    runtimes: {
      nvidia: { path: 'nvidia-container-runtime', runtimeArgs: [], args: [] },
      gvisor: { path: '/usr/bin/runsc', runtimeArgs: ['--platform=kvm'] },
      shim: { runtimeType: 'io.containerd.runc.v2', options: { BinaryName: '/usr/bin/other' } },
    },
    'default-shm-size': '1.5GiB',
    proxies: { 'http-proxy': 'http://proxy:3128', 'no-proxy': '10.0.0.0/8' },
    labels: null,
    'max-concurrent-downloads': 0,
  });
  assert.deepEqual(read.hostGatewayIps, ['10.0.0.1']);
  assert.deepEqual(read.ulimits, [
    { name: 'nofile', soft: 1024, hard: 4096 },
    { name: 'core', soft: -1, hard: -1 },
  ]);
  assert.deepEqual(read.networkOptions, { bridge: { 'com.docker.network.driver.mtu': '1400' } });
  assert.deepEqual(read.runtimes, {
    nvidia: { path: 'nvidia-container-runtime', args: [] },
    gvisor: { path: '/usr/bin/runsc', args: ['--platform=kvm'] },
    shim: { path: '/usr/bin/other', args: [] },
  });
  assert.equal(read.shmSizeBytes, 1.5 * 1024 ** 3);
  assert.deepEqual(read.proxies, { httpProxy: 'http://proxy:3128', httpsProxy: '', noProxy: '10.0.0.0/8' });
  assert.equal(read.maxConcurrentDownloads, 3);
  for (const [content, sentence] of [
    [{ debug: 'true' }, /debug: expected true or false/],
    [{ mtu: 1400.5 }, /mtu: expected an integer/],
    [{ labels: { a: 'b' } }, /labels: expected a list of strings/],
    [{ dns: '10.0.0.2' }, /dns: expected a list of addresses/],
    [{ 'log-opts': { 'max-file': 3 } }, /log-opts: expected an object of strings/],
    [{ 'default-ulimits': { nofile: '1024' } }, /default-ulimits: expected an object, like/],
    [{ 'default-ulimits': { nope: { Soft: 1, Hard: 2 } } }, /invalid ulimit type: nope/],
    [{ runtimes: { x: '/path' } }, /runtimes: expected an object, like/],
    [{ runtimes: { '../x': { path: '/x' } } }, /invalid runtime name "\.\.\/x"/],
    [{ features: { buildkit: 'yes' } }, /features: expected an object of true and false/],
    [{ 'default-address-pools': [{ base: '10.0.0.0/8' }] }, /invalid default address pool/],
    [{ proxies: ['x'] }, /don't match any configuration option: proxies/],
    [{ 'registry-mirrors': ['mirror.example.com'] }, /invalid mirror: no scheme specified for "mirror\.example\.com"/],
    [{ 'registry-mirrors': ['https://u:p@m/'] }, /invalid mirror: username\/password not allowed in URI/],
    [{ 'default-ipc-mode': 'host' }, /IPC mode "host" is not supported as default value/],
    [{ 'default-cgroupns-mode': 'x' }, /invalid default cgroup namespace \(x\)/],
    [{ 'min-api-version': '1.20' }, /minimum supported API version is 1\.24/],
    [{ 'metrics-addr': 'nine' }, /invalid metrics-addr "nine"/],
    [{ labels: ['a=b', 'a=c'] }, /conflict labels for a=c and a=b/],
    [{ 'log-format': 'xml' }, /invalid log format: xml/],
    [{ 'max-concurrent-uploads': -1 }, /invalid max concurrent uploads: -1/],
  ] as const)
    assert.throws(() => config(content), sentence, JSON.stringify(content));
});

test('a hostile file is refused with a reason and changes nothing else', () => {
  assert.throws(() => withFile('[1'), /unable to configure the daemon with file .*daemon\.json: invalid JSON: /);
  assert.throws(() => withFile('[]'), /invalid JSON: expected an object/);
  assert.throws(() => withFile('['.repeat(100_000)), /nested deeper than 200 values/);
  assert.throws(() => withFile(`{"a":"${'x'.repeat(1024 * 1024)}"}`), /it is larger than 1048576 bytes/);
  assert.throws(() => withFile(Buffer.from([0x7b, 0xff, 0x7d])), /it is not UTF-8 text/);
  assert.throws(() => withFile('{"__proto__":{"debug":true}}'), /don't match any configuration option: __proto__/);
  config({
    'log-opts': JSON.parse('{"__proto__":"x"}') as object,
    'default-network-opts': JSON.parse('{"__proto__":{"polluted":"x"}}') as object,
    features: JSON.parse('{"constructor":true}') as object,
  });
  assert.equal(({} as { polluted?: string }).polluted, undefined);
  for (const path of [directory, join(directory, 'loop')]) {
    if (path !== directory) symlinkSync(path, path);
    assert.throws(() => readDaemonOptions(['--config-file', path]), /unable to configure the daemon with file /);
  }
  const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key-${index}-${'x'.repeat(50)}`, 1]));
  assert.throws(
    () => withFile(many),
    (error: Error) => error.message.length < 3000,
  );
});

test('files of editors for Windows are read: a byte order mark, UTF-16; an empty file is one too', () => {
  const text = '{"debug": true}';
  const big = Buffer.from(`\ufeff${text}`, 'utf16le').swap16();
  for (const content of [`\ufeff${text}`, Buffer.from(`\ufeff${text}`, 'utf16le'), big])
    assert.equal(withFile(content).switches['debug'], true);
  assert.deepEqual(withFile('').switches, {});
  assert.deepEqual(withFile(' \n').switches, {});
});

test('settings without effect are noted, and only where they matter', () => {
  assert.deepEqual(withFile({ 'userland-proxy': false, 'raw-logs': false, containerd: '', features: {} }).notes, []);
  const { notes } = withFile({
    'userland-proxy': true,
    features: { buildkit: true, 'containerd-snapshotter': true, cdi: false },
    builder: { gc: { enabled: true }, Entitlements: { 'network-host': true } },
    'exec-opts': ['native.cgroupdriver=systemd'],
    'storage-driver': 'btrfs',
    'storage-opts': ['overlay2.override_kernel_check=true', 'overlay2.size=10G'],
  });
  assert.deepEqual(
    notes.map((note) => note.split(':')[0]),
    [
      '"userland-proxy" has no effect',
      '"features" has no effect',
      '"builder" has no effect',
      '"exec-opts" has no effect',
      '"storage-driver" has no effect',
      '"storage-opts" has no effect',
    ],
  );
  assert.match(notes[1]!, /by containerd-snapshotter$/);
  assert.match(flags('--userland-proxy').notes.join(), /^--userland-proxy has no effect: no proxy processes/);
});

test('what would be unsafe to accept is refused with the reason', () => {
  for (const [content, reason] of [
    [{ 'userns-remap': 'default' }, /"userns-remap" is refused: user namespaces are not built yet/],
    [
      { 'authorization-plugins': ['opa'] },
      /"authorization-plugins" is refused: there are no plugins, and without them/,
    ],
    [{ 'api-cors-header': '*' }, /"api-cors-header" is refused: .*reverse proxy/],
    [{ rootless: true }, /"rootless" is refused: /],
    [{ 'storage-driver': 'devicemapper' }, /the devicemapper storage-driver has been deprecated and removed/],
    [{ 'storage-driver': 'nope' }, /driver not supported: nope/],
    [{ 'exec-opts': ['native.cgroupdriver=other'] }, /invalid native\.cgroupdriver "other"/],
    [{ 'exec-opts': ['isolation=hyperv'] }, /option 'isolation' is only supported on windows/],
  ] as const)
    assert.throws(() => withFile(content), reason);
  assert.doesNotThrow(() => withFile({ 'userns-remap': '', rootless: false, 'api-cors-header': '' }));
});

test('the table names each flag and key once, and help shows every flag that is not hidden', () => {
  for (const of of ['name', 'flag', 'key', 'short'] as const) {
    const names = DAEMON_OPTIONS.map((option) => option[of]).filter((name) => name !== '' && name !== undefined);
    assert.deepEqual(names.length, new Set(names).size, of);
  }
  const help = daemonHelp();
  // A word is never cut.
  for (const line of help.split('\n')) assert.ok(line.length <= 80 || /^ +\S+$/.test(line), line);
  for (const { flag, hidden } of DAEMON_OPTIONS)
    assert.equal(help.includes(` --${flag} `) || help.includes(`--${flag}\n`), flag !== '' && !hidden, flag);
  for (const { name, status, why } of DAEMON_OPTIONS) assert.equal(why !== '', status !== 'done', name);
});

/** `dockerd --help` of 28.5.2. */
const DOCKERD_FLAGS = `
  add-runtime allow-direct-routing authorization-plugin bip bip6 bridge cdi-spec-dir cgroup-parent
  config-file containerd containerd-namespace containerd-plugins-namespace cpu-rt-period cpu-rt-runtime cri-containerd data-root debug default-address-pool default-cgroupns-mode default-gateway
  default-gateway-v6 default-ipc-mode default-network-opt default-runtime default-shm-size default-ulimit dns dns-opt dns-search exec-opt exec-root experimental feature fixed-cidr fixed-cidr-v6 group
  help host host-gateway-ip http-proxy https-proxy icc init init-path insecure-registry ip ip-forward
  ip-forward-no-drop ip-masq ip6tables iptables ipv6 label live-restore log-driver log-format log-level log-opt max-concurrent-downloads max-concurrent-uploads max-download-attempts metrics-addr mtu
  network-control-plane-mtu no-new-privileges no-proxy node-generic-resource pidfile raw-logs
  registry-mirror rootless seccomp-profile selinux-enabled shutdown-timeout storage-driver storage-opt
  swarm-default-advertise-addr tls tlscacert tlscert tlskey tlsverify userland-proxy userland-proxy-path userns-remap validate version
`;

/** The fields of its configuration that its file may have. */
const DOCKERD_KEYS = `
  allow-direct-routing api-cors-header authorization-plugins bip bip6 bridge builder cdi-spec-dirs
  cgroup-parent containerd containerd-namespace containerd-plugin-namespace cpu-rt-period cpu-rt-runtime cri-containerd data-root debug default-address-pools default-cgroupns-mode default-gateway
  default-gateway-v6 default-ipc-mode default-network-opts default-runtime default-shm-size default-ulimits dns dns-opts dns-search exec-opts exec-root experimental features fixed-cidr fixed-cidr-v6
  group host-gateway-ips hosts icc init init-path insecure-registries ip ip-forward ip-forward-no-drop
  ip-masq ip6tables iptables ipv6 labels live-restore log-driver log-format log-level log-opts max-concurrent-downloads max-concurrent-uploads max-download-attempts metrics-addr mtu network-control-plane-mtu network-diagnostic-port no-new-privileges node-generic-resources pidfile raw-logs
  registry-mirrors rootless runtimes seccomp-profile selinux-enabled shutdown-timeout storage-driver
  storage-opts swarm-default-advertise-addr tls tlscacert tlscert tlskey tlsverify userland-proxy
  userland-proxy-path userns-remap deprecated-key-path allow-nondistributable-artifacts http-proxy
  https-proxy no-proxy
`;

test('every flag and key of dockerd 28.5 is in the table', () => {
  const words = (text: string) => text.trim().split(/\s+/);
  const flags = new Set(DAEMON_OPTIONS.map(({ flag }) => flag));
  const keys = new Set(DAEMON_OPTIONS.map(({ key }) => key));
  assert.deepEqual(
    words(DOCKERD_FLAGS).filter((flag) => !flags.has(flag)),
    [],
  );
  assert.deepEqual(
    words(DOCKERD_KEYS).filter((key) => !keys.has(key)),
    [],
  );
  const shorts = DAEMON_OPTIONS.flatMap(({ short, flag }) => (short ? [`${short} ${flag}`] : [])).sort();
  assert.deepEqual(shorts, [
    'D debug',
    'G group',
    'H host',
    'b bridge',
    'h help',
    'l log-level',
    'p pidfile',
    'r restart',
    's storage-driver',
    'v version',
  ]);
});
