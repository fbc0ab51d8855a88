import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { examineConfig, refuseLogOptions, type ConfigFindings } from './config-check.ts';
import { daemonConfig } from './daemon-config.ts';
import { readDaemonOptions } from './options/read.ts';

const read = (...argv: string[]) => daemonConfig(readDaemonOptions(['--config-file', '/dev/null', ...argv]));
const refused = (argv: string[], sentence: RegExp) => assert.throws(() => read(...argv), sentence, argv.join(' '));
const examined = (...argv: string[]): ConfigFindings => examineConfig(read(...argv));

test('what is not said is right', () => {
  assert.deepEqual(examined(), { problems: [], notes: [] });
});

test('invalid bridge names are refused, also for existing bridges', () => {
  refused(
    ['--bridge', 'a-name-of-16-byte'],
    /invalid --bridge "a-name-of-16-byte": an interface name has at most 15 bytes/,
  );
  refused(['--default-bridge-name', 'a b'], /invalid --default-bridge-name "a b": an interface name has/);
  assert.equal(read('--bridge', 'none').bridgeName, 'none');
});

test('addresses of the default bridge are judged together, as a start does it', () => {
  refused(['--bip', '127.0.0.1/8'], /invalid --bip "127\.0\.0\.1\/8": no bridge can have this address/);
  refused(['--bip', '224.0.0.1/24'], /no bridge can have this address/);
  refused(['--bip6', '::1/64', '--ipv6'], /no bridge can have this address/);
  refused(
    ['--bip', '10.0.0.1/24', '--default-gateway', '10.3.0.1'],
    /invalid --default-gateway "10\.3\.0\.1": the subnet of the default bridge, 10\.0\.0\.0\/24, doesn't contain this address/,
  );
  refused(['--ipv6', '--mtu', '1000'], /the default bridge: invalid MTU number: 1000: IPv6 needs at least 1280/);
  refused(['--mtu', '70000'], /invalid default MTU: 70000/);
  refused(['--ipv6', '--bip6', 'ff02::1/64'], /no bridge can have this address/);
  assert.equal(
    read('--bip', '10.0.0.1/24', '--fixed-cidr', '10.0.0.128/25', '--default-gateway', '10.0.0.2').bip,
    '10.0.0.1/24',
  );
});

test('addresses, names and forms of other options', () => {
  refused(
    ['-H', 'tcp://127.0.0.1:99999'],
    /invalid bind address \(tcp:\/\/127\.0\.0\.1:99999\): a port is a number from 1 to 65535/,
  );
  refused(['-H', `unix:///${'x'.repeat(107)}`], /the path of a socket has at most 107 bytes/);
  refused(['--host-gateway-ip', 'gw'], /invalid argument "gw" for "--host-gateway-ip"/);
  refused(['--label', 'alone'], /bad attribute format: alone/);
  refused(['--dns-search', 'a b'], /a b is not a valid domain/);
  refused(['--dns-opt', 'a b'], /a b is not one option/);
  refused(['--log-driver', 'nope'], /logger: no log driver named 'nope' is registered; there are .*json-file/);
  refused(['--cgroup-parent', '/'], /invalid --cgroup-parent "\/": expected a cgroup below the root/);
  assert.equal(read('--cgroup-parent', 'causeway').cgroupParent, 'causeway');
});

test('--iptables=false leaves rules of others alone, unless the way through them is asked for', () => {
  const integration = (...argv: string[]) => read(...argv).firewallIntegration;
  assert.deepEqual(
    [
      integration(),
      integration('--iptables=true'),
      integration('--iptables=false'),
      integration('--iptables=false', '--firewall-integration=true'),
      integration('--iptables=true', '--firewall-integration=false'),
    ],
    [true, true, false, true, false],
  );
  assert.match(examined('--iptables=false').notes.join(), /^--iptables=false turns --firewall-integration off: /);
  assert.deepEqual(
    [examined('--iptables=false', '--firewall-integration=false').notes, examined('--iptables=true').notes],
    [[], []],
  );
});

test('--ip6tables=false leaves rules of ip6tables alone, and says so', () => {
  const ways = (...argv: string[]) => [read(...argv).firewallIntegration, read(...argv).ip6tablesWay];
  assert.deepEqual(
    [
      ways(),
      ways('--ip6tables=false'),
      ways('--ip6tables=false', '--firewall-integration=true'),
      ways('--ip6tables=true', '--iptables=false'),
    ],
    [
      [true, true],
      [true, false],
      [true, true],
      [false, true],
    ],
  );
  assert.match(
    examined('--ip6tables=false').notes.join(),
    /^--ip6tables=false: no way is made for containers in rules of ip6tables /,
  );
  for (const other of ['--iptables=false', '--firewall-integration=false'])
    assert.doesNotMatch(examined('--ip6tables=false', other).notes.join(), /ip6tables/);
});

test('--validate says what a start would refuse on this host, and what would only fail later', () => {
  const dir = mkdtempSync(join(tmpdir(), 'cwt-'));
  try {
    writeFileSync(join(dir, 'file'), '');
    const { problems, notes } = examined(
      '--data-root',
      join(dir, 'file/below'),
      '--exec-root',
      join(dir, 'new'),
      '--group',
      'no-such-group',
      '--default-runtime',
      'mine',
      '--log-opt',
      'max-size=big',
      '--log-opt',
      'max-sise=10m',
      '--insecure-registry',
      'http://registry',
      '--default-network-opt',
      'bridge=com.docker.network.driver.mtu=wide',
    );
    const expected = [
      /group no-such-group not found/,
      /specified default runtime 'mine' does not exist/,
      /invalid --data-root ".*": .*file is a file and no directory/,
      /failed to parse com\.docker\.network\.driver\.mtu value: wide/,
      /unknown log opt 'max-sise' for json-file log driver/,
      /invalid size: 'big'/,
    ];
    assert.deepEqual(notes, ["insecure registry http://registry should not contain 'http://', which is left out"]);
    assert.equal(problems.length, expected.length, problems.join('\n'));
    for (const [index, sentence] of expected.entries()) assert.match(problems[index]!, sentence);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('--validate warns about settings without effect and accepts them: overlapping pools, unused options', () => {
  const { problems, notes } = examined(
    '--default-address-pool',
    'base=10.0.0.0/8,size=24',
    '--default-address-pool',
    'base=10.1.0.0/16,size=24',
    '--default-network-opt',
    'overlay=a=b',
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(
    notes.map((note) => note.split(':')[0]),
    [
      'the default address pools 10.0.0.0/8 and 10.1.0.0/16 overlap',
      '--default-network-opt for "overlay" has no effect',
    ],
  );
});

test('log options that no driver has are refused at the start, in the words of dockerd', () => {
  assert.throws(() => refuseLogOptions(read('--log-opt', 'max-sise=10m')), {
    message: "failed to set log opts: unknown log opt 'max-sise' for json-file log driver",
  });
  assert.doesNotThrow(() => refuseLogOptions(read('--log-opt', 'max-size=10m')));
});
