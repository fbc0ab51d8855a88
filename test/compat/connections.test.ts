/**
 * connect and disconnect in every state of a container, with every option; interface names and the default route. The
 * client is Docker's.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { TestEngine, until } from '../harness/test-engine.ts';

let engine: TestEngine;
const docker = (...args: string[]): string => engine.ok(...args);
const refused = (...args: string[]): string => {
  const ran = engine.docker(...args);
  assert.notEqual(ran.code, 0, args.join(' '));
  return ran.err.trim().replace('Error response from daemon: ', '').replace('docker: ', '').split('\n\nRun ')[0]!;
};
/** 'eth0 10.91.0.2/24', in the order of the interfaces. */
const interfaces = (name: string): string[] =>
  docker('exec', name, 'ip', '-o', '-4', 'addr')
    .split('\n')
    .map((line) => line.split(/\s+/))
    .map((words) => `${words[1]} ${words[3]}`)
    .filter((one) => !one.startsWith('lo'));
const route = (name: string, version: '-4' | '-6' = '-4'): string =>
  docker('exec', name, 'ip', version, 'route')
    .split('\n')
    .find((line) => line.startsWith('default'))
    ?.replace(/ *(metric \d+)? *$/, '') ?? '';
const sleeper = ['busybox', 'sleep', '100000'];
const veths = (): number => engine.host.run('ip', '-o', 'link', 'show', 'type', 'veth').out.split('\n').length;

before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  docker('network', 'create', '--subnet', '10.91.0.0/24', 'a');
  docker('network', 'create', '--subnet', '10.92.0.0/24', 'b');
  docker('network', 'create', '--subnet', '10.93.0.0/24', '--ipv6', '--subnet', 'fd93::/64', 'dual');
  docker('network', 'create', '--subnet', '10.94.0.0/24', '--internal', 'inside');
});
after(() => engine?.destroy());
afterEach(() => void engine.shell('docker rm -f $(docker ps -aq)'));

const SYSCTLS = 'com.docker.network.endpoint.sysctls';
const IFNAME = 'com.docker.network.endpoint.ifname';

describe('what a connection can be asked for', () => {
  test('several networks at create, each with its own address, MAC, names, sysctls and interface name', () => {
    docker(
      'run',
      '-d',
      '--name',
      'one',
      '--network',
      'b',
      '--network',
      `name=a,ip=10.91.0.77,alias=first,alias=second,mac-address=02:00:00:00:00:77,gw-priority=3,driver-opt=${SYSCTLS}=net.ipv4.conf.IFNAME.log_martians=1`,
      '--network',
      `name=inside,driver-opt=${IFNAME}=inner`,
      ...sleeper,
    );
    assert.deepEqual(interfaces('one'), ['eth0 10.92.0.2/24', 'eth1 10.91.0.77/24', 'inner 10.94.0.2/24']);
    assert.equal(route('one'), 'default via 10.91.0.1 dev eth1');
    const values = (name: string) =>
      docker(
        'exec',
        'one',
        'cat',
        ...['eth0', 'eth1', 'inner'].map((link) => `/proc/sys/net/ipv4/conf/${link}/${name}`),
      ).split('\n');
    assert.deepEqual(values('log_martians'), ['0', '1', '0'], 'the client writes ifname in small letters');
    assert.match(docker('exec', 'one', 'ip', 'link', 'show', 'eth1'), /02:00:00:00:00:77/);
    docker('run', '-d', '--name', 'two', '--network', 'a', ...sleeper);
    for (const name of ['one', 'first', 'second'])
      assert.match(docker('exec', 'two', 'ping', '-c', '1', '-W', '2', name), /\(10\.91\.0\.77\)/);
  });

  test('the same for a running container, and the default route follows what is asked for', () => {
    docker('run', '-d', '--name', 'one', '--network', 'dual', ...sleeper);
    docker('run', '-d', '--name', 'peer', '--network', 'b', '--expose', '80', ...sleeper);
    docker(
      'network',
      'connect',
      '--ip',
      '10.92.0.50',
      '--alias',
      'bee',
      '--link',
      'peer:pp',
      '--gw-priority',
      '1',
      '--driver-opt',
      `${SYSCTLS}=net.ipv4.conf.IFNAME.forwarding=0`,
      '--driver-opt',
      `${IFNAME}=bee0`,
      'b',
      'one',
    );
    assert.deepEqual(interfaces('one'), ['eth0 10.93.0.2/24', 'bee0 10.92.0.50/24']);
    assert.deepEqual(
      [route('one'), route('one', '-6')],
      ['default via 10.92.0.1 dev bee0', 'default via fd93::1 dev eth0'],
    );
    assert.equal(docker('exec', 'one', 'cat', '/proc/sys/net/ipv4/conf/bee0/forwarding'), '0');
    assert.match(docker('exec', 'peer', 'ping', '-c', '1', '-W', '2', 'bee'), /10\.92\.0\.50/);
    assert.match(docker('exec', 'one', 'ping', '-c', '1', '-W', '2', 'pp'), /1 packets received/);
    const settings = JSON.parse(docker('inspect', '-f', '{{json .NetworkSettings.Networks.b}}', 'one')) as Record<
      string,
      unknown
    >;
    assert.deepEqual(
      [settings['IPAMConfig'], settings['Links'], settings['Aliases'], settings['GwPriority']],
      [{ IPv4Address: '10.92.0.50' }, ['peer:pp'], ['bee'], 1],
    );
    docker('network', 'disconnect', 'b', 'one');
    assert.equal(route('one'), 'default via 10.93.0.1 dev eth0');
  });

  test('what cannot be is refused with the name of the fault, and leaves nothing behind', () => {
    docker('run', '-d', '--name', 'one', '--network', 'a', ...sleeper);
    const before = veths();
    const connect = (option: string, value: string): string =>
      refused('network', 'connect', '--driver-opt', `${option}=${value}`, 'b', 'one');
    assert.equal(
      connect(SYSCTLS, 'net.ipv4.conf.IFNAME.nosuch=1'),
      '/proc/sys/net/ipv4/conf/eth1/nosuch is not a sysctl file',
    );
    assert.equal(
      connect(SYSCTLS, 'net.ipv4.conf.IFNAME.forwarding=banana'),
      "unable to write 'banana' to '/proc/sys/net/ipv4/conf/eth1/forwarding': Invalid argument",
    );
    assert.match(
      connect(SYSCTLS, 'net.ipv4.conf.IFNAME.forwarding'),
      /expected sysctl 'net.ipv4.conf.IFNAME.forwarding' to have format name=value/,
    );
    assert.match(
      connect(SYSCTLS, 'net.ipv4.conf.IFNAME.a.b=1'),
      /expected sysctl 'net.ipv4.conf.IFNAME.a.b' to have format net.X.Y.IFNAME.Z/,
    );
    assert.match(
      connect(SYSCTLS, 'net.ipv4.conf.eth1.forwarding=1'),
      /unrecognised network interface sysctl 'net.ipv4.conf.eth1.forwarding=1'; represent/,
    );
    assert.match(
      connect(IFNAME, 'eth0'),
      /failed to add interface \S+ to sandbox: error renaming interface "\S+" to "eth0": file exists/,
    );
    for (const name of ['sixteen-bytes-xx', 'a/b', 'lo'])
      assert.match(connect(IFNAME, name), new RegExp(`invalid interface name "${name}"`));
    assert.match(refused('network', 'connect', '--ip', '10.92.0.1', 'b', 'one'), /Address already in use/);
    assert.match(
      refused(
        'run',
        '--network',
        `name=a,driver-opt=${IFNAME}=x0`,
        '--network',
        `name=b,driver-opt=${IFNAME}=x0`,
        ...sleeper,
      ),
      /networks a and b ask for the same interface name "x0"/,
    );
    assert.equal(veths(), before);
    assert.deepEqual(interfaces('one'), ['eth0 10.91.0.2/24']);
    docker('network', 'connect', 'b', 'one');
    assert.deepEqual(interfaces('one'), ['eth0 10.91.0.2/24', 'eth1 10.92.0.2/24']);
  });
});

describe('in every state', () => {
  test('interfaces keep names and order over restarts, whatever was connected in between', () => {
    docker(
      'run',
      '-d',
      '--name',
      'one',
      '--network',
      'b',
      '--network',
      `name=inside,driver-opt=${IFNAME}=inner`,
      ...sleeper,
    );
    docker('network', 'connect', 'a', 'one');
    assert.deepEqual(interfaces('one'), ['eth0 10.92.0.2/24', 'inner 10.94.0.2/24', 'eth1 10.91.0.2/24']);
    docker('restart', '-t', '0', 'one');
    assert.deepEqual(interfaces('one'), ['eth0 10.92.0.2/24', 'eth1 10.91.0.2/24', 'inner 10.94.0.2/24']);
    assert.equal(route('one'), 'default via 10.91.0.1 dev eth1', '"a" comes before "b"');
    docker('stop', '-t', '0', 'one');
    docker('network', 'disconnect', 'b', 'one');
    docker('network', 'connect', '--alias', 'late', 'dual', 'one');
    docker('start', 'one');
    assert.deepEqual(interfaces('one'), ['eth1 10.91.0.2/24', 'inner 10.94.0.2/24', 'eth0 10.93.0.2/24']);
    docker('run', '-d', '--name', 'two', '--network', 'a', '--network', `name=b,driver-opt=${IFNAME}=eth0`, ...sleeper);
    assert.deepEqual(
      interfaces('two'),
      ['eth1 10.91.0.3/24', 'eth0 10.92.0.2/24'],
      'a name that was asked for is not given to another',
    );
  });

  test('paused', () => {
    docker('run', '-d', '--name', 'one', '--network', 'a', ...sleeper);
    docker('pause', 'one');
    docker('network', 'connect', '--ip', '10.92.0.9', 'b', 'one');
    docker('network', 'disconnect', 'a', 'one');
    docker('unpause', 'one');
    assert.deepEqual(interfaces('one'), ['eth1 10.92.0.9/24']);
    assert.equal(route('one'), 'default via 10.92.0.1 dev eth1');
  });

  test('waiting to be restarted: it counts with the next run', async () => {
    docker(
      'run',
      '-d',
      '--name',
      'one',
      '--restart',
      'always',
      '--network',
      'a',
      'busybox',
      'sh',
      '-c',
      'ip -o -4 addr; sleep 0.1; exit 1',
    );
    const state = () => docker('inspect', '-f', '{{.State.Status}}', 'one');
    await until('it waits', () => state() === 'restarting');
    docker('network', 'connect', '--ip', '10.92.0.9', 'b', 'one');
    docker('network', 'disconnect', 'a', 'one');
    await until('the next run has it', () => docker('logs', 'one').split('\n').at(-1)!.includes('10.92.0.9/24'));
    assert.doesNotMatch(docker('logs', '--tail', '1', 'one'), /10\.91/);
  });

  test('stopped: no events, and the network may be gone meanwhile', () => {
    docker('network', 'create', 'passing');
    docker('create', '--name', 'one', '--network', 'a', ...sleeper);
    docker('network', 'connect', 'passing', 'one');
    assert.equal(
      refused('network', 'disconnect', 'b', 'one'),
      `container ${docker('inspect', '-f', '{{.Id}}', 'one')} is not connected to the network b`,
    );
    docker('network', 'disconnect', 'a', 'one');
    docker('network', 'rm', 'passing');
    assert.match(refused('start', 'one'), /network passing not found/);
    assert.match(refused('network', 'disconnect', 'passing', 'one'), /network passing not found/);
    docker('network', 'disconnect', '-f', 'passing', 'one');
    docker('network', 'connect', 'b', 'one');
    docker('start', 'one');
    assert.deepEqual(interfaces('one'), ['eth0 10.92.0.2/24']);
    const events = docker(
      'events',
      '--since',
      '10m',
      '--until',
      '-1s',
      '--filter',
      'type=network',
      '--filter',
      `container=${docker('inspect', '-f', '{{.Id}}', 'one')}`,
      '--format',
      '{{.Action}}',
    );
    assert.doesNotMatch(events, /disconnect/);
  });

  test('host and none', () => {
    docker('run', '-d', '--name', 'host', '--network', 'host', ...sleeper);
    docker('run', '-d', '--name', 'one', '--network', 'none', ...sleeper);
    docker('run', '-d', '--name', 'two', '--network', 'a', ...sleeper);
    assert.equal(
      refused('network', 'connect', 'a', 'host'),
      'container sharing network namespace with another container or host cannot be connected to any other network',
    );
    assert.equal(
      refused('network', 'disconnect', 'host', 'host'),
      'cannot disconnect container from host network - container was created in host network mode',
    );
    assert.equal(
      refused('network', 'connect', 'host', 'two'),
      'cannot connect container to host network - container must be created in host network mode',
    );
    for (const [network, name] of [
      ['a', 'one'],
      ['none', 'two'],
    ] as const) {
      assert.equal(
        refused('network', 'connect', network, name),
        'container cannot be connected to multiple networks with one of the networks in private (none) mode',
      );
    }
    // What is wrong with the settings comes first, whatever else is wrong.
    for (const [network, name] of [
      ['host', 'two'],
      ['none', 'two'],
      ['bridge', 'one'],
      ['bridge', 'host'],
    ] as const) {
      assert.match(
        refused('network', 'connect', '--alias', 'x', network, name),
        /network-scoped alias is supported only for containers in user defined networks/,
      );
    }
    docker('network', 'disconnect', 'none', 'one');
    docker('network', 'connect', 'a', 'one');
    assert.deepEqual(interfaces('one'), ['eth0 10.91.0.3/24']);
    assert.match(docker('exec', 'one', 'ping', '-c', '1', '-W', '2', 'two'), /1 packets received/);
    docker('restart', '-t', '0', 'one');
    assert.deepEqual(interfaces('one'), ['eth0 10.91.0.3/24']);
  });
});
