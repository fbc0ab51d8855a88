/**
 * Bridges of the user's that a network uses: they stay as they are, and whatever is set there is taken back. Bridges of
 * other engines are refused.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { createNetns, deleteNetns } from '../../src/kernel/netns.ts';
import { enterTestHost } from './inside.ts';
import { askTcp, Lab, run } from './lab.ts';

const BRIDGE = 'com.docker.network.bridge.name';
const FLAGS = [
  'ipv4/conf/br0/route_localnet',
  'ipv4/conf/br0/promote_secondaries',
  'ipv6/conf/br0/disable_ipv6',
  'ipv6/conf/br0/accept_ra',
  'ipv6/conf/br0/accept_dad',
];
const NEIGHBOUR = `/run/neighbour-${process.pid}`;

if (enterTestHost()) {
  describe("a bridge of the user's", ofTheUser);
  describe('a bridge of another engine', ofAnother);
}

const addresses = (): string[] =>
  run('ip', '-o', 'address', 'show', 'dev', 'br0')
    .out.split('\n')
    .flatMap((line) => / inet6? (\S+)/.exec(line)?.[1] ?? [])
    .sort();

/** All that could be changed of it. */
function state() {
  const [link] = JSON.parse(run('ip', '-j', '-d', 'link', 'show', 'br0').out) as {
    mtu: number;
    address: string;
    flags: string[];
    ifalias?: string;
    linkinfo: { info_data: Record<string, unknown> };
  }[];
  const { nf_call_iptables, nf_call_ip6tables } = link!.linkinfo.info_data;
  const flags = FLAGS.map((name) => `${name} ${readFileSync(`/proc/sys/net/${name}`, 'utf8').trim()}`);
  return {
    mtu: link!.mtu,
    mac: link!.address,
    alias: link!.ifalias,
    up: link!.flags.includes('UP'),
    nf_call_iptables,
    nf_call_ip6tables,
    flags,
    addresses: addresses(),
  };
}

function ofTheUser(): void {
  let lab: Lab | undefined;
  beforeEach(() => {
    // A host that forwards already: what else goes with turning that on is no matter of bridges.
    run('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; echo 1 > /proc/sys/net/ipv4/ip_forward');
    run('ip', 'link', 'add', 'br0', 'type', 'bridge');
    run('ip', 'link', 'set', 'br0', 'mtu', '1400', 'up');
    run('ip', 'address', 'add', '10.13.0.1/24', 'dev', 'br0');
    run('ip', '-6', 'address', 'add', '2001:db8:7::1/64', 'dev', 'br0', 'nodad');
    const [here, there] = (createNetns(NEIGHBOUR), [RouteSocket.open(), RouteSocket.open(NEIGHBOUR)]);
    here.addVeth({ name: 'port0', peerName: 'eth0', peerNetns: NEIGHBOUR, master: 'br0', mtu: 1400, up: true });
    there.setLink('lo', { up: true });
    there.setLink('eth0', { up: true });
    there.addAddress('eth0', '10.13.0.2/24');
    for (const socket of [here, there]) socket.close();
    // A link-local address is a matter of time: it is there once duplicate detection is over.
    for (const end = Date.now() + 60_000; /tentative/.test(run('ip', '-6', 'address', 'show', 'dev', 'br0').out);)
      assert.ok(Date.now() < end);
  });
  afterEach(async () => {
    await lab?.stop();
    lab = undefined;
    run('ip', 'link', 'del', 'port0'); // with its namespace it would go when the kernel finds the time
    deleteNetns(NEIGHBOUR);
    run('ip', 'link', 'del', 'br0');
  });

  test('keeps its MTU, IPv6 and addresses under a network, and is as it was when that is removed, also by the next daemon', async () => {
    lab = await Lab.start();
    const before = state();
    const network = await lab.createNetwork('net', {
      options: { [BRIDGE]: 'br0', 'com.docker.network.bridge.enable_icc': 'false' },
    });
    const web = await lab.join('web', ['net']);
    lab.serveTcp(web.netns, 80);
    assert.equal(await askTcp(undefined, web.endpoints[0]!.ipv4, 80), network.pools[0]!.gateway);
    const used = state();
    assert.deepEqual([used.mtu, used.alias, used.flags.slice(2)], [before.mtu, undefined, before.flags.slice(2)]);
    assert.deepEqual(
      used.addresses.filter((address) => !before.addresses.includes(address)),
      [`${network.pools[0]!.gateway}/16`],
    );
    assert.deepEqual(
      before.addresses.filter((address) => !used.addresses.includes(address)),
      [],
    );
    await lab.restart();
    await lab.service.leave(web.containerId);
    await lab.restart();
    await lab.service.removeNetwork(network.id);
    assert.deepEqual(state(), before);
  });

  test('opens nothing of the loopback to its neighbours once the network is gone', async () => {
    lab = await Lab.start();
    lab.serveTcp(undefined, 7777, '127.0.0.1');
    run(
      'nsenter',
      `--net=${NEIGHBOUR}`,
      'sh',
      '-c',
      'ip link set lo down; ip route add 127.0.0.0/8 via 10.13.0.1; echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; ip route flush table local; ip route add local 10.13.0.2 dev eth0 table local',
    );
    const network = await lab.createNetwork('net', { options: { [BRIDGE]: 'br0' } });
    assert.equal(await askTcp(NEIGHBOUR, '127.0.0.1', 7777), '');
    await lab.service.removeNetwork(network.id);
    assert.equal(await askTcp(NEIGHBOUR, '127.0.0.1', 7777), '');
  });

  test('is as it was when a network cannot be made after all', async () => {
    lab = await Lab.start();
    const before = state();
    lab.store.failNext = new Error('no space');
    await assert.rejects(lab.createNetwork('net', { options: { [BRIDGE]: 'br0' } }), /no space/);
    assert.deepEqual(state(), before);
  });

  test('where IPv6 is off, a network with IPv6 is refused with the reason', async () => {
    lab = await Lab.start();
    run('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/br0/disable_ipv6');
    const before = state();
    await assert.rejects(
      lab.createNetwork('net', { enableIpv6: true, options: { [BRIDGE]: 'br0' } }),
      /IPv6 is turned off on it \(net\.ipv6\.conf\.br0\.disable_ipv6=1\)/,
    );
    assert.deepEqual(state(), before);
  });

  test('with --bridge gives the default network its subnet and its address, and gets everything back when that moves', async () => {
    const before = state();
    lab = await Lab.start({ bridgeName: 'br0', fixedCidr: '10.13.0.128/25' });
    const pool = lab.network('bridge').pools[0]!;
    assert.deepEqual([pool.subnet, pool.gateway], ['10.13.0.0/24', '10.13.0.1']);
    assert.deepEqual(
      lab.network('bridge').ipam.pools.map(({ subnet, gateway }) => [subnet, gateway]),
      [['10.13.0.0/24', '10.13.0.1']],
    );
    assert.deepEqual([state().mtu, state().addresses], [before.mtu, before.addresses]);
    const web = await lab.join('web', ['bridge']);
    const address = web.endpoints[0]!.ipv4;
    assert.match(address, /^10\.13\.0\.1[23]\d$/);
    lab.serveTcp(web.netns, 80);
    assert.equal(await askTcp(NEIGHBOUR, address, 80), '10.13.0.2', 'neighbours on the bridge are neighbours');
    await lab.restart();
    assert.equal(await askTcp(undefined, address, 80), '10.13.0.1');
    await lab.service.leave(web.containerId);
    Object.assign(lab.config, { bridgeName: '', fixedCidr: '' });
    await lab.restart();
    assert.deepEqual(state(), before);
    assert.equal(lab.network('bridge').pools[0]!.subnet, '172.17.0.0/16', "the bridge's subnet stays with the bridge");
  });

  test('without an address gets one that is taken back, and has the same after a restart', async () => {
    run('ip', 'address', 'flush', 'dev', 'br0', 'scope', 'global');
    lab = await Lab.start({ bridgeName: 'br0' });
    const { pools } = lab.network('bridge');
    assert.ok(addresses().includes(`${pools[0]!.gateway}/16`));
    await lab.restart();
    assert.deepEqual(lab.network('bridge').pools, pools);
    run('ip', 'address', 'add', pools[0]!.gateway.replace(/1$/, '77/16'), 'dev', 'br0');
    Object.assign(lab.config, { bridgeName: 'none' });
    await lab.restart();
    assert.deepEqual(
      addresses().filter((address) => !address.includes(':')),
      [pools[0]!.gateway.replace(/1$/, '77/16')],
      'what others added in its subnet stays',
    );
  });

  test('is as it was after the uninstaller, which needs no daemon for that', async () => {
    const before = state();
    lab = await Lab.start({ bridgeName: 'br0', bip: '10.14.0.1/24', icc: false });
    const notes = join(lab.dir, 'adopted-bridges');
    const script = readFileSync('scripts/uninstall.sh', 'utf8');
    const part = script.slice(script.indexOf('boot=$('), script.indexOf('rm -f "$data_root/state/adopted-bridges"'));
    await lab.withoutEngine(async () => {
      assert.notDeepEqual(state(), before);
      const ran = spawnSync('sh', ['-euc', part.replaceAll('$data_root/state/adopted-bridges', notes)], {
        encoding: 'utf8',
      });
      assert.deepEqual([ran.status, ran.stderr], [0, '']);
      assert.deepEqual(state(), before);
    });
  });
}

function ofAnother(): void {
  let lab: Lab | undefined;
  afterEach(async () => {
    await lab?.stop();
    lab = undefined;
    for (const name of ['docker0', 'podman0', 'br0']) run('ip', 'link', 'del', name);
  });

  test('is refused for a network and as --bridge, with containers on it or without', async () => {
    for (const name of ['docker0', 'podman0', 'br0']) run('ip', 'link', 'add', name, 'type', 'bridge');
    run('ip', 'link', 'add', 'veth0a1b2c3', 'type', 'veth', 'peer', 'name', 'theirs0');
    run('ip', 'link', 'set', 'veth0a1b2c3', 'master', 'br0');
    lab = await Lab.start();
    for (const [name, engine] of [
      ['docker0', 'Docker'],
      ['podman0', 'podman'],
      ['br0', 'Docker'],
    ] as const) {
      const reason = new RegExp(`bridge ${name} is used by another engine \\(${engine}\\)`);
      await assert.rejects(lab.createNetwork('net', { options: { [BRIDGE]: name } }), reason);
      await assert.rejects(Lab.start({ bridgeName: name }), reason);
    }
  });
}
