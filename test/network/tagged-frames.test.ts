/**
 * What filters IP between two ports of a bridge sees IP that comes plainly, and no other: a frame with a VLAN tag,
 * PPPoE or whatever else is passed on unseen, and the kernel that gets one with a priority tag takes the tag off. So
 * between neighbours that are kept apart only plain IP and ARP pass.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { macBytes } from '../../src/kernel/socket-address.ts';
import type { Sandbox } from '../../src/network/service.ts';
import { enterTestHost } from './inside.ts';
import { Lab, run } from './lab.ts';
import { checksum, encodeUdp } from './packet-codec.ts';
import { Packets } from './packets.ts';

const PORT = 5000;
const option = (name: string, value: string) => ({ [`com.docker.network.bridge.${name}`]: value });
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const u16 = (...values: number[]): Buffer =>
  Buffer.concat(values.map((value) => Buffer.from([value >> 8, value & 255])));
const [IPV4, IPV6, ARP, VLAN, SERVICE_VLAN, PPPOE] = [0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 0x8864];

/** What comes before an IP packet, after the addresses. */
const WRAPPINGS: Readonly<Record<string, (version: 4 | 6, length: number) => Buffer>> = {
  'a priority tag (802.1Q)': (version) => u16(VLAN, 0, ip(version)),
  'a priority tag of a provider (802.1ad)': (version) => u16(SERVICE_VLAN, 0, ip(version)),
  'two priority tags': (version) => u16(SERVICE_VLAN, 0, VLAN, 0, ip(version)),
  'three priority tags': (version) => u16(VLAN, 0, VLAN, 0, VLAN, 0, ip(version)),
  'the tag of a VLAN': (version) => u16(VLAN, 7, ip(version)),
  PPPoE: (version, length) => u16(PPPOE, 0x1100, 1, length + 2, version === 4 ? 0x21 : 0x57),
  'a made-up protocol': () => u16(0x88b5),
  'a length (802.3)': (_, length) => u16(length),
};

/** Of an IPv4 packet without options, in two pieces. */
function fragments(packet: Buffer): Buffer[] {
  const piece = (from: number, to: number): Buffer => {
    const header = Buffer.from(packet.subarray(0, 20));
    header.writeUInt16BE(20 + to - from, 2);
    header.writeUInt16BE(77, 4);
    header.writeUInt16BE((20 + to < packet.length ? 0x2000 : 0) | (from >> 3), 6);
    header.writeUInt16BE(0, 10);
    header.writeUInt16BE(checksum(header), 10);
    return Buffer.concat([header, packet.subarray(20 + from, 20 + to)]);
  };
  return [piece(0, 24), piece(24, packet.length - 20)];
}

const ip = (version: 4 | 6): number => (version === 4 ? IPV4 : IPV6);

function scenarios(): void {
  const packets = new Packets();
  const sandboxes = new Map<string, Sandbox>();
  let lab: Lab;
  let outside: string;
  let round = 0;

  before(async () => {
    lab = await Lab.start({
      ipv6: true,
      addressPools: [
        { base: '10.210.0.0/16', size: 24 },
        { base: 'fd00:210::/48', size: 64 },
      ],
    });
    outside = lab.otherHost();
    // As on most hosts: only the bridges that ask for it have their frames filtered.
    for (const name of ['ip', 'ip6']) run('sysctl', '-qw', `net.bridge.bridge-nf-call-${name}tables=0`);
    await lab.createNetwork('quiet', { enableIpv6: true, options: option('enable_icc', 'false') });
    await lab.createNetwork('loud', { enableIpv6: true });
    await lab.createNetwork('inside', { enableIpv6: true, internal: true });
    for (const network of ['quiet', 'loud', 'inside']) {
      for (const role of ['sender', 'neighbour'])
        sandboxes.set(`${network} ${role}`, await lab.join(`${network}-${role}`, [network]));
      packets.hearFrames(netns(`${network} neighbour`), 'eth0');
    }
    packets.hearFrames(outside, 'eth0');
  });
  after(async () => {
    packets.close();
    await lab.stop();
  });

  const netns = (name: string) => sandboxes.get(name)!.netns;
  const addressOf = (name: string, version: 4 | 6) =>
    version === 4 ? sandboxes.get(name)!.endpoints[0]!.ipv4 : sandboxes.get(name)!.endpoints[0]!.ipv6;
  const macOf = (name: string) => sandboxes.get(name)!.endpoints[0]!.mac;
  const bridgeMac = (network: string): string => {
    const route = RouteSocket.open();
    try {
      return route.link(lab.network(network).bridgeName)!.mac;
    } finally {
      route.close();
    }
  };

  /** A datagram in a frame from one to the MAC of another; its text. */
  const send = (
    from: string,
    toMac: string,
    version: 4 | 6,
    destination: string,
    wrapping: (version: 4 | 6, length: number) => Buffer,
  ): string => {
    const text = `<frame ${++round}>`;
    const packet = encodeUdp({
      source: addressOf(from, version),
      destination,
      sourcePort: 40_000 + round,
      destinationPort: PORT,
      text,
    });
    packets.injectFrame(
      netns(from),
      'eth0',
      Buffer.concat([macBytes(toMac), macBytes(macOf(from)), wrapping(version, packet.length), packet]),
    );
    return text;
  };
  const sendAll = (from: string, toMac: string, destination: (version: 4 | 6) => string): Map<string, string> =>
    new Map(
      ([4, 6] as const).flatMap((version) =>
        Object.entries(WRAPPINGS).map(([name, wrapping]) => [
          `IPv${version} behind ${name}`,
          send(from, toMac, version, destination(version), wrapping),
        ]),
      ),
    );
  const arrived = (sent: Map<string, string>): string[] =>
    [...sent].filter(([, text]) => packets.seen(text)).map(([name]) => name);
  /** ARP passes everywhere: once it is there, so is what was sent before it, if it can be. */
  const sendLast = (network: string): string => {
    const text = `<frame ${++round}>`;
    const [from, to] = [`${network} sender`, `${network} neighbour`];
    const request = Buffer.concat([
      u16(1, IPV4),
      Buffer.from([6, 4]),
      u16(1),
      macBytes(macOf(from)),
      Buffer.from(addressOf(from, 4).split('.').map(Number)),
      Buffer.alloc(6),
      Buffer.from(addressOf(to, 4).split('.').map(Number)),
    ]);
    packets.injectFrame(
      netns(from),
      'eth0',
      Buffer.concat([macBytes(macOf(to)), macBytes(macOf(from)), u16(ARP), request, Buffer.from(text)]),
    );
    return text;
  };
  const reached = async (network: string): Promise<string[]> => {
    const sent = sendAll(`${network} sender`, macOf(`${network} neighbour`), (version) =>
      addressOf(`${network} neighbour`, version),
    );
    const last = sendLast(network);
    assert.ok(await packets.arrive([last]), 'ARP passes');
    return arrived(sent);
  };
  const ALL = ([4, 6] as const).flatMap((version) =>
    Object.keys(WRAPPINGS).map((name) => `IPv${version} behind ${name}`),
  );

  test('neighbours that are kept apart get none of it', async () => assert.deepEqual(await reached('quiet'), []));
  test('neighbours that are not get all of it, as on any cable', async () =>
    assert.deepEqual(await reached('loud'), ALL));

  /** To all neighbours at once, by link-local addresses, in pieces. */
  const indirectly = async (network: string): Promise<string[]> => {
    const from = `${network} sender`;
    const { mac } = sandboxes.get(`${network} neighbour`)!.endpoints[0]!;
    const linkLocal = /inet6 (fe80\S+)\//.exec(
      run('nsenter', `--net=${netns(`${network} neighbour`)}`, 'ip', '-6', 'addr', 'show', 'eth0').out,
    )![1]!;
    const plainly = (version: 4 | 6) => u16(ip(version));
    const goals: readonly [string, string, 4 | 6, string][] = [
      ['a broadcast', 'ff:ff:ff:ff:ff:ff', 4, '255.255.255.255'],
      ['a broadcast of the subnet', 'ff:ff:ff:ff:ff:ff', 4, addressOf(from, 4).replace(/\d+$/, '255')],
      ['a broadcast of the subnet to one', mac, 4, addressOf(from, 4).replace(/\d+$/, '255')],
      ['a group', '01:00:5e:00:00:fb', 4, '224.0.0.251'],
      ['a group to one', mac, 4, '224.0.0.251'],
      ['an address to all', 'ff:ff:ff:ff:ff:ff', 4, addressOf(`${network} neighbour`, 4)],
      ['a group over IPv6', '33:33:00:00:00:01', 6, 'ff02::1'],
      ['a group over IPv6 to one', mac, 6, 'ff02::1'],
      ['a link-local address', mac, 6, linkLocal],
    ];
    const sent = new Map(
      goals.map(([name, toMac, version, destination]) => [name, send(from, toMac, version, destination, plainly)]),
    );
    const text = `<frame ${++round}>`;
    const whole = encodeUdp({
      source: addressOf(from, 4),
      destination: addressOf(`${network} neighbour`, 4),
      sourcePort: 40_000 + round,
      destinationPort: PORT,
      text: `${' '.repeat(40 - text.length)}${text}`,
    });
    for (const piece of fragments(whole))
      packets.injectFrame(netns(from), 'eth0', Buffer.concat([macBytes(mac), macBytes(macOf(from)), u16(IPV4), piece]));
    sent.set('in fragments', text);
    const last = sendLast(network);
    assert.ok(await packets.arrive([last]), 'ARP passes');
    return arrived(sent);
  };

  test('nor what is for all of them, comes by way of link-local addresses or in fragments', async () => {
    assert.deepEqual(await indirectly('quiet'), []);
    assert.deepEqual((await indirectly('loud')).length, 10);
  });

  test('nor packets of the family that their network does not have', async () => {
    await lab.createNetwork('quiet4', { options: option('enable_icc', 'false') });
    await lab.createNetwork('quiet6', { enableIpv4: false, enableIpv6: true, options: option('enable_icc', 'false') });
    for (const [network, version, [source, destination]] of [
      ['quiet4', 6, ['fe80::1', 'fe80::2']],
      ['quiet6', 4, ['10.1.1.1', '10.1.1.2']],
    ] as const) {
      const [from, to] = [
        await lab.join(`${network}-sender`, [network]),
        await lab.join(`${network}-neighbour`, [network]),
      ];
      packets.hearFrames(to.netns, 'eth0');
      const addresses = Buffer.concat([macBytes(to.endpoints[0]!.mac), macBytes(from.endpoints[0]!.mac)]);
      const inject = (text: string, ethertype: number, packet: Buffer) =>
        packets.injectFrame(from.netns, 'eth0', Buffer.concat([addresses, u16(ethertype), packet, Buffer.from(text)]));
      const [text, last] = [`<frame ${++round}>`, `<frame ${++round}>`];
      inject('', ip(version), encodeUdp({ source, destination, sourcePort: 1, destinationPort: PORT, text }));
      inject(last, ARP, Buffer.alloc(28));
      assert.ok(await packets.arrive([last]), 'ARP passes');
      assert.equal(packets.seen(text), undefined, `IPv${version} on ${network}`);
    }
  });

  test('neither after the daemon has been started again, nor after its rules were taken away', async () => {
    await lab.restart();
    assert.deepEqual(await reached('quiet'), []);
    run('nft', 'delete table bridge causeway');
    for (
      const until = Date.now() + 60_000;
      Date.now() < until && !/table bridge causeway/.test(run('nft', 'list tables').out);
    )
      await sleep(10);
    assert.deepEqual(await reached('quiet'), []);
    run('nft', 'flush ruleset');
    for (
      const until = Date.now() + 60_000;
      Date.now() < until && !/table bridge causeway/.test(run('nft', 'list tables').out);
    )
      await sleep(10);
    assert.deepEqual(await reached('quiet'), []);
  });

  test('it does not reach past the gateway of a network either', async () => {
    const goals: readonly [string, string, (version: 4 | 6) => string][] = [
      ['loud sender', 'loud', (version) => addressOf('quiet neighbour', version)],
      ['quiet sender', 'quiet', (version) => addressOf('quiet neighbour', version)],
      ['inside sender', 'inside', (version) => (version === 4 ? '192.0.2.2' : '2001:db8::2')],
    ];
    const sent = goals.map(([from, network, destination]) => sendAll(from, bridgeMac(network), destination));
    const last = ([4, 6] as const).map((version) =>
      send('loud sender', bridgeMac('loud'), version, version === 4 ? '192.0.2.2' : '2001:db8::2', () =>
        u16(ip(version)),
      ),
    );
    assert.ok(await packets.arrive(last), 'the control arrives');
    assert.deepEqual(sent.flatMap(arrived), []);
  });

  test('isolation set on a network with running containers takes effect at the next daemon start', async () => {
    const { config } = lab;
    const [one, other] = [await lab.join('one', ['bridge']), await lab.join('other', ['bridge'])];
    sandboxes.set('bridge sender', one).set('bridge neighbour', other);
    packets.hearFrames(other.netns, 'eth0');
    assert.deepEqual((await reached('bridge')).length, ALL.length);
    Object.assign(config, { icc: false });
    await lab.restart();
    assert.deepEqual(await reached('bridge'), []);
    Object.assign(config, { icc: true });
    await lab.restart();
    assert.deepEqual((await reached('bridge')).length, ALL.length);
  });
}

if (enterTestHost()) describe('frames that are not plain IP', scenarios);
