/**
 * Networks as objects: what their options make of the kernel, which addresses they give, and that none is ever lost.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { IpamPool, NetworkSpec } from '../../src/model/network.ts';
import { enterTestHost } from './inside.ts';
import { askTcp, Lab, ping, run } from './lab.ts';

if (enterTestHost()) describe('networks', scenarios);

const ONLY_V6: Partial<NetworkSpec> = { enableIpv4: false, enableIpv6: true };

function withPool(pool: Partial<IpamPool>): Partial<NetworkSpec> {
  return {
    ipam: {
      driver: 'default',
      options: null,
      pools: [{ subnet: '', ipRange: '', gateway: '', auxAddresses: {}, ...pool }],
    },
  };
}

const bridgeOption = (name: string, value: string) => ({ [`com.docker.network.bridge.${name}`]: value });
const inside = (netns: string, ...words: string[]): string => run('nsenter', `--net=${netns}`, ...words).out.trim();

function scenarios(): void {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab.stop());

  const usage = (name: string) => lab.service.poolUsage(lab.network(name).id)[0]!;

  test('IPv6 alone: no IPv4 anywhere, reached through published ports, masqueraded on the way out', async () => {
    const outside = lab.otherHost();
    const network = await lab.createNetwork('six', ONLY_V6);
    const one = await lab.join('one', ['six'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } });
    const two = await lab.join('two', [lab.connection('six')]);
    assert.equal(network.pools.length, 1);
    assert.match(one.endpoints[0]!.ipv6, /^fd.*::2$/);
    assert.equal(one.endpoints[0]!.ipv4, '');
    assert.equal(inside(one.netns, 'ip', '-4', '-o', 'addr', 'show', 'dev', 'eth0'), '');
    assert.equal(run('ip', '-4', '-o', 'addr', 'show', 'dev', network.bridgeName).out, '');
    lab.serveTcp(one.netns, 80);
    lab.serveTcp(outside, 8000);
    assert.equal(await ping(two.netns, one.endpoints[0]!.ipv6), true);
    assert.equal(await askTcp(outside, '2001:db8::1', 8080), '2001:db8::2');
    assert.equal(await askTcp(two.netns, '2001:db8::2', 8000), '2001:db8::1');
    assert.equal(
      await askTcp(outside, one.endpoints[0]!.ipv6, 80),
      '',
      'an unpublished address is not reached from outside',
    );
  });

  test('a host has unique local addresses of its own, and the default bridge keeps its subnet whatever was made meanwhile', async () => {
    await lab.stop();
    lab = await Lab.start({ ipv6: true });
    const before = lab.network('bridge').pools;
    assert.match(before[1]!.subnet, /^fd/);
    const net = await lab.createNetwork('net', { enableIpv6: true });
    assert.equal(
      net.pools[1]!.subnet.split(':').slice(0, 3).join(':'),
      before[1]!.subnet.split(':').slice(0, 3).join(':'),
      'one /48 for all of a host',
    );
    for (let times = 0; times < 2; times++) {
      await lab.restart();
      assert.deepEqual(lab.network('bridge').pools, before);
    }
    await lab.stop();
    lab = await Lab.start({ ipv6: true, hostId: 'another' });
    assert.notEqual(lab.network('bridge').pools[1]!.subnet, before[1]!.subnet);
  });

  test('a network that is made while another with its bridge is being removed has all of its rules', async () => {
    const options = { 'com.docker.network.bridge.name': 'fixed0' };
    const rules = () => run('nft', 'list', 'ruleset').out.match(/"fixed0"/g)?.length ?? 0;
    const first = await lab.createNetwork('net', { options });
    const before = rules();
    const web = await lab.join('web', ['net']);
    await lab.service.leave(web.containerId);
    await Promise.all([lab.service.removeNetwork(first.id), lab.createNetwork('net', { options })]);
    assert.equal(rules(), before);
    assert.ok(before > 0);
    const next = await lab.join('next', ['net']);
    lab.serveTcp(next.netns, 80);
    assert.notEqual(await askTcp(undefined, next.endpoints[0]!.ipv4, 80), '');
  });

  test('whatever fails on the way, no address is lost', async () => {
    await lab.createNetwork('tiny', withPool({ subnet: '10.3.0.0/29' }));
    const holder = await lab.join('holder', ['tiny'], {
      portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] },
    });
    const before = usage('tiny');
    const names = ['tiny', 'bridge'].map((name) => lab.connection(name));
    const bridgeBefore = usage('bridge');
    for (let times = 0; times < 8; times++) {
      await assert.rejects(
        lab.join('port', names, { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } }),
        /port is already allocated/,
      );
      lab.store.failNext = new Error('disk is full');
      await assert.rejects(lab.join('disk', names), /disk is full/);
      lab.resolver.failNext = new Error('nobody listens');
      await assert.rejects(lab.join('names', names), /nobody listens/);
      await assert.rejects(
        lab.join('address', [names[1]!, lab.connection('tiny', { ipv4: holder.endpoints[0]!.ipv4 })]),
        /Address already in use/,
      );
      lab.store.failNext = new Error('disk is full');
      await assert.rejects(lab.service.connect(holder.containerId, lab.connection('bridge')), /disk is full/);
    }
    assert.deepEqual([usage('tiny'), usage('bridge')], [before, bridgeBefore]);
    const others = await Promise.all(Array.from({ length: 4 }, (_, index) => lab.join(`other${index}`, ['tiny'])));
    assert.equal(usage('tiny').dynamicIpsAvailable, 0n);
    await assert.rejects(
      lab.join('late', [names[1]!, names[0]!]),
      /^CausewayError: no available IPv4 addresses on this network's address pools: tiny \(/,
    );
    assert.deepEqual(usage('bridge'), bridgeBefore, 'nor on a network that had room');
    for (const { containerId } of [holder, ...others]) await lab.service.leave(containerId);
    assert.equal(usage('tiny').dynamicIpsAvailable, 5n);
  });

  test("an address that a stopped container asked for is nobody else's, also for the next daemon", async () => {
    await lab.createNetwork('tiny', withPool({ subnet: '10.3.0.0/29' }));
    const asked = lab.request('asked', [lab.connection('tiny', { ipv4: '10.3.0.2' })]);
    await lab.service.remember(asked);
    const addresses = async () => {
      const sandboxes = [];
      for (let index = 0; index < 4; index++) sandboxes.push(await lab.join(`other${index}`, ['tiny']));
      await assert.rejects(lab.join('late', ['tiny']), /no available IPv4 addresses/);
      for (const { containerId } of sandboxes) await lab.service.leave(containerId);
      return sandboxes.map((sandbox) => sandbox.endpoints[0]!.ipv4);
    };
    const rest = ['10.3.0.3', '10.3.0.4', '10.3.0.5', '10.3.0.6'];
    assert.deepEqual(await addresses(), rest);
    assert.deepEqual([usage('tiny').ipsInUse, usage('tiny').dynamicIpsAvailable], [4n, 4n]);
    await lab.restart([], [asked]);
    assert.deepEqual(await addresses(), rest);
    assert.equal((await lab.service.join(asked)).endpoints[0]!.ipv4, '10.3.0.2');
    await lab.service.leave(asked.containerId);
    assert.deepEqual(await addresses(), rest);
    await lab.service.forget(asked.containerId);
    assert.equal((await lab.join('free', ['tiny'])).endpoints[0]!.ipv4, '10.3.0.2');
  });

  test('peers: /31 and /127 hold the host and a container, /32 one isolated container', async () => {
    await lab.createNetwork('p31', withPool({ subnet: '10.3.0.0/31' }));
    await lab.createNetwork('p127', { ...ONLY_V6, ...withPool({ subnet: 'fd03::/127' }) });
    const isolated = { internal: true, options: bridgeOption('gateway_mode_ipv4', 'isolated') };
    const alone = await lab.createNetwork('p32', { ...isolated, ...withPool({ subnet: '10.3.0.9/32' }) });
    const [four, six, one] = [
      await lab.join('four', ['p31']),
      await lab.join('six', ['p127']),
      await lab.join('one', ['p32']),
    ];
    assert.deepEqual(
      [four.endpoints[0]!.ipv4, six.endpoints[0]!.ipv6, one.endpoints[0]!.ipv4],
      ['10.3.0.1', 'fd03::1', '10.3.0.9'],
    );
    assert.equal(await ping(four.netns, '10.3.0.0'), true);
    assert.equal(await ping(six.netns, 'fd03::'), true);
    assert.equal(
      run('ip', '-4', '-o', 'addr', 'show', 'dev', alone.bridgeName).out,
      '',
      'an isolated network has no address of the host on it',
    );
    assert.equal(inside(one.netns, 'ip', 'route', 'show', 'default'), '');
    for (const name of ['p31', 'p127', 'p32'])
      await assert.rejects(lab.join('more', [name]), /no available IPv[46] addresses/);
  });

  test("the bridge's name, MTU, address and the names of interfaces are as the options say", async () => {
    const options = {
      ...bridgeOption('name', 'br-mine'),
      'com.docker.network.driver.mtu': '1300',
      'com.docker.network.container_iface_prefix': 'net',
    };
    const mine = await lab.createNetwork('mine', { options });
    const one = await lab.join('one', ['mine', 'bridge']);
    assert.match(run('ip', '-o', 'link', 'show', 'br-mine').out, / mtu 1300 /);
    assert.match(inside(one.netns, 'ip', '-o', 'link', 'show', 'net0'), / mtu 1300 /);
    assert.match(inside(one.netns, 'ip', '-o', 'link'), /eth0/, 'the other network has its own prefix');
    await lab.service.leave(one.containerId);
    await lab.service.removeNetwork(mine.id);
    assert.match(run('ip', 'link', 'show', 'br-mine').out, /does not exist/);
    await assert.rejects(
      lab.createNetwork('narrow', { ...ONLY_V6, options: { 'com.docker.network.driver.mtu': '1279' } }),
      /invalid MTU number: 1279: IPv6 needs at least 1280/,
    );
    // Below that an interface has no IPv6, and there is nothing of it to turn off.
    const narrow = { 'com.docker.network.driver.mtu': '1200' };
    await lab.createNetwork('narrow', { options: narrow });
    await lab.createNetwork('narrow-inside', { options: narrow, internal: true });
    const small = await lab.join('small', ['narrow-inside']);
    await lab.service.connect(small.containerId, lab.connection('narrow'));
    for (const link of ['eth0', 'eth1'])
      assert.match(inside(small.netns, 'ip', '-o', 'link', 'show', link), / mtu 1200 /);
    const silent = await lab.createNetwork('silent', { options: bridgeOption('inhibit_ipv4', 'true') });
    assert.equal(run('ip', '-4', '-o', 'addr', 'show', 'dev', silent.bridgeName).out, '');
  });

  test('an existing bridge is used unchanged and kept; another kind of interface is refused', async () => {
    run('ip', 'link', 'add', 'theirs', 'type', 'bridge');
    run('ip', 'addr', 'add', '10.8.0.1/24', 'dev', 'theirs');
    run('ip', 'link', 'add', 'cable', 'type', 'veth');
    await assert.rejects(lab.createNetwork('x', { options: bridgeOption('name', 'cable') }), {
      message: 'existing interface cable is not a bridge',
    });
    const theirs = await lab.createNetwork('theirs', {
      ...withPool({ subnet: '10.9.0.0/24' }),
      options: bridgeOption('name', 'theirs'),
    });
    const one = await lab.join('one', ['theirs']);
    assert.equal(await ping(one.netns, '10.9.0.1'), true);
    await lab.service.leave(one.containerId);
    await lab.service.removeNetwork(theirs.id);
    assert.match(run('ip', '-4', '-o', 'addr', 'show', 'dev', 'theirs').out, /10\.8\.0\.1\/24/);
  });

  test('an auxiliary address named DefaultGatewayIPv4 is the gateway instead of the bridge', async () => {
    await lab.createNetwork(
      'detour',
      withPool({ subnet: '10.5.0.0/24', auxAddresses: { DefaultGatewayIPv4: '10.5.0.200' } }),
    );
    const one = await lab.join('one', ['detour']);
    assert.match(inside(one.netns, 'ip', 'route', 'show', 'default'), /^default via 10\.5\.0\.200 /);
    assert.equal(await ping(one.netns, '10.5.0.1'), true, 'the bridge has its own address');
  });

  test("who comes in by a trusted interface reaches what is published at the container's own address, and no more", async () => {
    const outside = lab.otherHost();
    const trusting = await lab.createNetwork('trusting', {
      enableIpv6: true,
      options: bridgeOption('trusted_host_interfaces', 'nosuch0:uplink'),
    });
    const published = { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } };
    const one = await lab.join('one', ['trusting'], published);
    const other = await lab.join('other', ['bridge'], {
      portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8081' }] },
    });
    for (const { netns } of [one, other]) for (const port of [80, 81]) lab.serveTcp(netns, port);
    const { ipv4, ipv6 } = one.endpoints[0]!;
    assert.equal(await askTcp(outside, ipv4, 80), '192.0.2.2');
    assert.equal(await askTcp(outside, ipv6, 80), '2001:db8::2');
    for (const address of [ipv4, ipv6]) assert.equal(await askTcp(outside, address, 81), '', 'not published');
    assert.equal(await askTcp(outside, other.endpoints[0]!.ipv4, 80), '', 'the other network trusts nobody');
    assert.equal(await askTcp(other.netns, ipv4, 80), '', 'nor is a container of another network trusted');
    await lab.service.leave(one.containerId);
    await lab.service.removeNetwork(trusting.id);
    assert.doesNotMatch(run('nft', 'list', 'set', 'inet', 'causeway', 'trusted').out, /uplink/);
  });

  test('with --allow-direct-routing other hosts reach what is published at the address of a container, and no more', async () => {
    await lab.stop();
    lab = await Lab.start({ directRouting: true });
    const outside = lab.otherHost();
    await lab.createNetwork('direct', { enableIpv6: true });
    await lab.createNetwork('inside', { internal: true });
    const one = await lab.join('one', ['direct'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } });
    const other = await lab.join('other', ['bridge']);
    for (const port of [80, 81]) lab.serveTcp(one.netns, port);
    const { ipv4, ipv6 } = one.endpoints[0]!;
    assert.equal(await askTcp(outside, ipv4, 80), '192.0.2.2');
    assert.equal(await askTcp(outside, ipv6, 80), '2001:db8::2');
    for (const address of [ipv4, ipv6]) assert.equal(await askTcp(outside, address, 81), '', 'not published');
    assert.equal(await askTcp(other.netns, ipv4, 80), '', 'nor for a container of another network');
    assert.match(
      run('nft', 'list', 'map', 'inet', 'causeway', 'inbound').out,
      new RegExp(`"${lab.network('inside').bridgeName}" : drop`),
    );
    Object.assign(lab.config, { directRouting: false });
    await lab.restart();
    assert.equal(await askTcp(outside, ipv4, 80), '', 'without it it is closed again');
  });

  test('which address of the host others see, and where ports are published, are options of the network', async () => {
    const outside = lab.otherHost();
    lab.serveTcp(outside, 8000);
    for (const address of ['192.0.2.9/24', '2001:db8::9/64'])
      run('ip', 'addr', 'add', address, 'dev', 'uplink', ...(address.includes(':') ? ['nodad'] : []));
    const options = {
      'com.docker.network.host_ipv4': '192.0.2.9',
      'com.docker.network.host_ipv6': '2001:db8::9',
      ...bridgeOption('host_binding_ipv4', '192.0.2.9'),
    };
    await lab.createNetwork('nine', { enableIpv6: true, options });
    const one = await lab.join('one', ['nine'], { portBindings: { '80/tcp': [{ hostIp: '', hostPort: '8080' }] } });
    lab.serveTcp(one.netns, 80);
    assert.deepEqual(
      [await askTcp(one.netns, '192.0.2.2', 8000), await askTcp(one.netns, '2001:db8::2', 8000)],
      ['192.0.2.9', '2001:db8::9'],
    );
    assert.deepEqual(
      one.endpoints[0]!.published.map((port) => port.hostIp),
      ['192.0.2.9'],
    );
    assert.equal(await askTcp(outside, '192.0.2.9', 8080), '192.0.2.2');
    assert.equal(await askTcp(outside, '192.0.2.1', 8080), '');
  });

  test('without masquerading others see the container itself', async () => {
    const outside = lab.otherHost();
    lab.serveTcp(outside, 8000);
    await lab.createNetwork('bare', { enableIpv6: true, options: bridgeOption('enable_ip_masquerade', 'false') });
    const one = await lab.join('one', ['bare']);
    const { ipv4, ipv6 } = one.endpoints[0]!;
    // The uplink is new: while its own address may be somebody's, the host looks for no neighbour on it.
    for (let times = 0; times < 20 && !(await ping(one.netns, '2001:db8::2')); times++);
    assert.deepEqual(
      [await askTcp(one.netns, '192.0.2.2', 8000), await askTcp(one.netns, '2001:db8::2', 8000)],
      [ipv4, ipv6],
    );
  });

  test('networks made at the same time have different subnets, and one name is given once', async () => {
    const made = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) => lab.createNetwork(`net${index % 8}`, { enableIpv6: true })),
    );
    const records = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    assert.equal(records.length, 8);
    for (const one of made)
      if (one.status === 'rejected') assert.match(String(one.reason), /network with name net[0-3] already exists/);
    for (const version of [0, 1]) assert.equal(new Set(records.map((record) => record.pools[version]!.subnet)).size, 8);
  });

  test('the default bridge: addresses, ranges and gateways of both families as configured', async () => {
    const bridge = async (config: Parameters<typeof Lab.start>[0]) => {
      await lab.stop();
      lab = await Lab.start(config);
      const { endpoints } = await lab.join('one', ['bridge']);
      const { ipv4, prefix4, gateway4, ipv6, prefix6, gateway6 } = endpoints[0]!;
      return [`${ipv4}/${prefix4}`, gateway4, ipv6 && `${ipv6}/${prefix6}`, gateway6];
    };
    assert.deepEqual(await bridge({ bip: '10.77.0.1/24', fixedCidr: '10.77.0.128/25', defaultGateway: '10.77.0.9' }), [
      '10.77.0.128/24',
      '10.77.0.9',
      '',
      '',
    ]);
    assert.deepEqual(await bridge({ fixedCidr: '10.78.0.0/25' }), ['10.78.0.2/25', '10.78.0.1', '', '']);
    assert.deepEqual(
      await bridge({ ipv6: true, bip6: 'fd77::5/64', fixedCidrV6: 'fd77::8:0/112', defaultGatewayV6: 'fd77::9' }),
      ['172.17.0.2/16', '172.17.0.1', 'fd77::8:0/64', 'fd77::9'],
    );
    const there = () => run('ip', '-6', '-o', 'address', 'show', 'dev', 'docker0', 'scope', 'global').out;
    run('ip', 'address', 'del', 'fd77::5/64', 'dev', 'docker0');
    run('ip', 'address', 'add', 'fd77::5/80', 'dev', 'docker0');
    await lab.restart();
    assert.match(there(), /inet6 fd77::5\/64 /, 'whatever prefix length somebody else gave it');
    Object.assign(lab.config, { bip6: 'fd77::5/72' });
    await lab.restart();
    assert.match(there(), /inet6 fd77::5\/72 /);
    assert.deepEqual(await bridge({ ipv6: true, fixedCidrV6: 'fd78::/80' }), [
      '172.17.0.2/16',
      '172.17.0.1',
      'fd78::2/80',
      'fd78::1',
    ]);
    assert.deepEqual(
      await bridge({ bip6: 'fd77::5/64' }),
      ['172.17.0.2/16', '172.17.0.1', '', ''],
      'without --ipv6 none of it counts',
    );
    const addressPools = [
      { base: '10.76.0.0/16', size: 24 },
      { base: 'fd76::/48', size: 64 },
    ];
    assert.deepEqual(
      await bridge({ addressPools, ipv6: true }),
      ['10.76.0.2/24', '10.76.0.1', 'fd76::2/64', 'fd76::1'],
      'the pools that networks get are its too',
    );
    const subnet = () => lab.network('bridge').pools[0]!.subnet;
    await lab.restart();
    assert.equal(subnet(), '10.76.0.0/24', 'while a container lives there it stays');
    Object.assign(lab.config, { addressPools: [{ base: '10.75.0.0/16', size: 24 }] });
    await lab.restart();
    assert.equal(subnet(), '10.76.0.0/24', 'and whatever the pools are');
    for (const containerId of lab.store.sandboxes.keys()) await lab.service.leave(containerId);
    await lab.restart();
    assert.equal(subnet(), '10.75.0.0/24');
  });

  test('default options of the daemon, by driver', async () => {
    await lab.stop();
    lab = await Lab.start({
      networkOptions: { bridge: { 'com.docker.network.driver.mtu': '1280', 'com.docker.network.enable_ipv6': 'true' } },
    });
    const small = await lab.createNetwork('small');
    const plain = await lab.createNetwork('plain', {
      options: { 'com.docker.network.driver.mtu': '1450' },
      givenFamilies: [6],
    });
    const inner = await lab.createNetwork('inner', { driver: 'macvlan' });
    assert.match(run('ip', '-o', 'link', 'show', small.bridgeName).out, / mtu 1280 /);
    assert.match(run('ip', '-o', 'link', 'show', plain.bridgeName).out, / mtu 1450 /);
    assert.deepEqual(
      [small, plain, inner].map((network) => network.enableIpv6),
      [true, false, false],
    );
    assert.deepEqual(inner.options, {});
    assert.match(
      run('ip', '-o', 'link', 'show', 'docker0').out,
      / mtu 1500 /,
      'the default bridge is not made from them',
    );
  });

  test("kill -9 while a network is made: its links are gone with the next daemon, whatever they are called; others' stay", async () => {
    await lab.createNetwork('mine', { options: bridgeOption('name', 'br-mine') });
    await lab.createNetwork('lan', { driver: 'macvlan' });
    // As an operation leaves them that was cut off before it was stored.
    for (const name of ['half', 'dm-0123456789ab']) {
      run('ip', 'link', 'add', name, 'type', 'bridge');
      run('ip', 'link', 'set', name, 'alias', 'causeway');
    }
    run('ip', 'link', 'add', 'theirs', 'type', 'bridge');
    const bridges = () =>
      run('ip', '-br', 'link', 'show', 'type', 'bridge')
        .out.split('\n')
        .map((line) => line.split(' ')[0])
        .filter(Boolean)
        .toSorted();
    await lab.restart();
    assert.deepEqual(bridges(), ['br-mine', 'docker0', lab.network('lan').bridgeName, 'theirs'].toSorted());
  });

  test('what the host is connected to or asks for names is not chosen; what it has a route to only when nothing else is left', async () => {
    await lab.stop();
    const resolvConf = join(mkdtempSync(join(tmpdir(), 'cwt-')), 'resolv.conf');
    writeFileSync(resolvConf, 'nameserver 10.40.4.53\n');
    lab = await Lab.start({
      bip: '172.17.0.1/16', // or the default network would have the first of the pools
      addressPools: [
        { base: '10.40.0.0/22', size: 24 },
        { base: '10.40.4.0/24', size: 24 },
      ],
      hostResolvConf: resolvConf,
    });
    lab.otherHost();
    run('ip', 'addr', 'add', '10.40.0.9/28', 'dev', 'uplink');
    run('ip', 'route', 'add', '10.40.1.0/24', 'via', '192.0.2.2');
    const subnet = async (name: string) => (await lab.createNetwork(name)).pools[0]!.subnet;
    assert.deepEqual(
      [await subnet('a'), await subnet('b'), await subnet('c')],
      ['10.40.2.0/24', '10.40.3.0/24', '10.40.1.0/24'],
    );
    await assert.rejects(
      subnet('d'),
      /^CausewayError: all predefined address pools have been fully subnetted: held by a \(10\.40\.2\.0\/24\), b \(10\.40\.3\.0\/24\), c \(10\.40\.1\.0\/24\); in use on this host: 10\.40\.0\.0\/28, 10\.40\.4\.53\/32\. .*--default-address-pool/,
    );
    rmSync(dirname(resolvConf), { recursive: true });
  });
}
