/**
 * A container says that it is the router, or speaks in its name: neighbours and the host go on sending where they were
 * told to by the engine.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { ipBytes, macBytes } from '../../src/kernel/socket-address.ts';
import type { Sandbox } from '../../src/network/service.ts';
import { enterTestHost } from './inside.ts';
import { Lab, ping, run } from './lab.ts';
import { encodeIcmp } from './packet-codec.ts';
import { Packets } from './packets.ts';

const AWAY = { 4: '192.0.2.2', 6: '2001:db8::2' } as const;
const ETHERTYPE = { 4: [8, 0], 6: [0x86, 0xdd] } as const;
const u32 = (value: number): Buffer =>
  Buffer.from([value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);

function scenarios(): void {
  const packets = new Packets();
  let lab: Lab;
  let claimer: Sandbox;
  let neighbour: Sandbox;
  let old: Sandbox;

  before(async () => {
    lab = await Lab.start({
      ipv6: true,
      addressPools: [
        { base: '10.210.0.0/16', size: 24 },
        { base: 'fd00:210::/48', size: 64 },
      ],
    });
    lab.otherHost();
    // Frames pass no filter of IP on the bridge, as on most hosts: what is tried here does not rest on one.
    for (const name of ['ip', 'ip6']) run('sysctl', '-qw', `net.bridge.bridge-nf-call-${name}tables=0`);
    await lab.createNetwork('net', { enableIpv6: true });
    await lab.createNetwork('old');
    claimer = await lab.join('claimer', ['net', 'old']);
    neighbour = await lab.join('neighbour', ['net']);
    old = await lab.join('old', ['old']);
  });
  after(async () => {
    packets.close();
    await lab.stop();
  });

  const inside = (sandbox: Sandbox, ...args: string[]): string => run('nsenter', `--net=${sandbox.netns}`, ...args).out;
  const bridge = (network: string): { mac: string; linkLocal: string } => {
    const route = RouteSocket.open();
    try {
      const { bridgeName } = lab.network(network);
      const linkLocal =
        route.addresses(bridgeName).find(({ address, scope }) => scope === 'link' && address.includes(':'))?.address ??
        '';
      return { mac: route.link(bridgeName)!.mac, linkLocal };
    } finally {
      route.close();
    }
  };
  const frame = (version: 4 | 6, toMac: string, packet: Buffer) =>
    Buffer.concat([macBytes(toMac), macBytes('02:00:00:00:66:66'), Buffer.from(ETHERTYPE[version]), packet]);
  const gateway = (network: string, version: 4 | 6) =>
    lab
      .network(network)
      .pools.map((pool) => pool.gateway)
      .find((one) => one.includes(':') === (version === 6))!;

  /** "I am the default router, addresses are made of fd66::/64, it is on this link, packets have 1280 bytes." */
  const advertise = (link: string, to = 'ff02::1', toMac = '33:33:00:00:00:01') => {
    const prefix = Buffer.concat([Buffer.from([3, 4, 64, 0xc0]), u32(3600), u32(3600), u32(0), ipBytes('fd66::')]);
    const elsewhere = Buffer.concat([Buffer.from([24, 2, 32, 0x08]), u32(3600), ipBytes('2001:db8::').subarray(0, 8)]); // a route, preferred
    const options = Buffer.concat([
      Buffer.from([1, 1]),
      macBytes('02:00:00:00:66:66'),
      Buffer.from([5, 1, 0, 0]),
      u32(1280),
      prefix,
      elsewhere,
    ]);
    const advertisement = Buffer.concat([Buffer.from([134, 0, 0, 0, 64, 0x08, 0x07, 0x08]), u32(0), u32(0), options]);
    packets.injectFrame(claimer.netns, link, frame(6, toMac, encodeIcmp('fe80::6666', to, advertisement)));
  };
  const traces = (text: string): string[] => text.split('\n').filter((line) => /fe80::6666|fd66:/.test(line));
  const tracesOf = (sandbox: Sandbox | undefined): string[] => {
    const ask = (...args: string[]) => (sandbox ? inside(sandbox, ...args) : run(args[0]!, ...args.slice(1)).out);
    return [...traces(ask('ip', '-6', 'route', 'show', 'table', 'all')), ...traces(ask('ip', '-6', 'addr'))];
  };

  test('router advertisements reach neither containers nor the host', async () => {
    for (const link of ['eth0', 'eth1']) for (let i = 0; i < 3; i++) advertise(link);
    // Answered after what was sent before it has been taken in.
    assert.equal(await ping(claimer.netns, neighbour.endpoints[0]!.ipv6), true);
    assert.equal(await ping(claimer.netns, old.endpoints[0]!.ipv4), true);
    assert.equal(await ping(claimer.netns, gateway('net', 6)), true);
    assert.deepEqual([tracesOf(neighbour), tracesOf(old), tracesOf(undefined)], [[], [], []]);
    assert.match(inside(neighbour, 'ip', '-6', 'route', 'get', AWAY[6]), new RegExp(`via ${gateway('net', 6)} `));
  });

  test('nor after the daemon has been started again and a container been connected', async () => {
    await lab.restart();
    await lab.service.connect(old.containerId, lab.connection('net'));
    for (let i = 0; i < 3; i++) advertise('eth0');
    assert.equal(await ping(claimer.netns, lab.service.sandbox(old.containerId)!.endpoints.at(-1)!.ipv6), true);
    assert.deepEqual([tracesOf(neighbour), tracesOf(old), tracesOf(undefined)], [[], [], []]);
  });

  test('a container that listens to advertisements all the same hears them: these were real ones', async () => {
    inside(neighbour, 'sysctl', '-qw', 'net.ipv6.conf.eth0.accept_ra=1');
    advertise('eth0');
    assert.equal(await ping(claimer.netns, neighbour.endpoints[0]!.ipv6), true);
    assert.notDeepEqual(tracesOf(neighbour), []);
    inside(neighbour, 'sysctl', '-qw', 'net.ipv6.conf.eth0.accept_ra=0');
    inside(neighbour, 'ip', '-6', 'route', 'flush', 'proto', 'ra');
  });

  const redirect4 = () => {
    const [target, from] = [neighbour.endpoints[0]!, gateway('net', 4)];
    const about = encodeIcmp(target.ipv4, AWAY[4], Buffer.alloc(16)); // an echo reply: the kernel itself is told
    const message = Buffer.concat([Buffer.from([5, 1, 0, 0]), ipBytes(claimer.endpoints[0]!.ipv4), about]);
    packets.injectFrame(claimer.netns, 'eth0', frame(4, target.mac, encodeIcmp(from, target.ipv4, message)));
  };
  const redirect6 = () => {
    const target = neighbour.endpoints[0]!;
    const message = Buffer.concat([
      Buffer.from([137, 0, 0, 0]),
      u32(0),
      ipBytes('fe80::6666'),
      ipBytes(AWAY[6]),
      Buffer.from([2, 1]),
      macBytes('02:00:00:00:66:66'),
    ]);
    packets.injectFrame(
      claimer.netns,
      'eth0',
      frame(6, target.mac, encodeIcmp(bridge('net').linkLocal, target.ipv6, message)),
    );
  };
  const ways = (): string[] =>
    ([4, 6] as const).map(
      (version) => /via (\S+)/.exec(inside(neighbour, 'ip', `-${version}`, 'route', 'get', AWAY[version]))?.[1] ?? '',
    );

  test('redirects in the name of the gateway are ignored', async () => {
    // Over IPv6 only a link-local router may redirect: it is made one.
    const router = bridge('net').linkLocal;
    inside(neighbour, 'ip', '-6', 'route', 'replace', 'default', 'via', router, 'dev', 'eth0');
    assert.equal(await ping(claimer.netns, neighbour.endpoints[0]!.ipv4), true); // the kernel follows only to whom it knows
    redirect4();
    redirect6();
    assert.equal(await ping(claimer.netns, neighbour.endpoints[0]!.ipv6), true);
    assert.deepEqual(ways(), [gateway('net', 4), router]);
  });

  test('a container that accepts them by its own sysctl gets them: the advertisements are real', async () => {
    const sysctls = { 'net.ipv4.conf.all.accept_redirects': '1', 'net.ipv6.conf.default.accept_redirects': '1' };
    await lab.service.leave(neighbour.containerId);
    neighbour = await lab.join('neighbour', ['net'], { sysctls });
    inside(neighbour, 'ip', '-6', 'route', 'replace', 'default', 'via', bridge('net').linkLocal, 'dev', 'eth0');
    assert.equal(await ping(claimer.netns, neighbour.endpoints[0]!.ipv4), true);
    redirect4();
    redirect6();
    assert.equal(await ping(claimer.netns, neighbour.endpoints[0]!.ipv6), true);
    assert.deepEqual(ways(), [claimer.endpoints[0]!.ipv4, 'fe80::6666']);
  });
}

if (enterTestHost()) describe('containers that claim to be the router', scenarios);
