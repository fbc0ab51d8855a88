/**
 * Addresses that no sender and no receiver on a cable can have (loopback in all its spellings, the unspecified one,
 * groups as sources): what a container sends with them goes nowhere, neither to this host, nor to another container,
 * nor out of the uplink.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Sandbox } from '../../src/network/service.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { enterTestHost } from './inside.ts';
import { Lab, run } from './lab.ts';
import { Packets } from './packets.ts';

const PORT = 9000;
const HOST_PORT = 8001;

interface Martians {
  readonly good: string;
  readonly goals: Readonly<Record<string, readonly [string, number]>>;
  readonly sources: readonly string[];
  readonly destinations: readonly string[];
  /** Of the destinations, those that the kernel would lead out of the uplink. */
  readonly leave: readonly string[];
  /** Of the sources, those that the kernel takes. */
  readonly comeIn: readonly string[];
}

const V4: Martians = {
  good: '192.0.2.2',
  goals: { host: ['192.0.2.1', PORT], published: ['192.0.2.1', HOST_PORT], outside: ['192.0.2.2', PORT] },
  sources: ['127.0.0.1', '127.255.255.254', '0.0.0.0', '0.1.2.3', '224.0.0.1', '239.1.2.3', '255.255.255.255'],
  destinations: ['127.0.0.1', '127.9.9.9', '0.0.0.0', '0.1.2.3'],
  leave: [],
  comeIn: [], // some kernels take 0.1.2.3
};
const V6: Martians = {
  good: '2001:db8::2',
  goals: { host: ['2001:db8::1', PORT], published: ['2001:db8::1', HOST_PORT], outside: ['2001:db8::2', PORT] },
  sources: [
    '::1',
    '::',
    '::127.0.0.1',
    '::10.1.2.3',
    '::ffff:127.0.0.1',
    '::ffff:127.9.9.9',
    '::ffff:192.0.2.1',
    'ff02::1',
    'ff0e::1',
  ],
  destinations: [
    '::1',
    '::',
    '::127.0.0.9',
    '::ffff:127.0.0.1',
    '::ffff:127.0.0.9',
    '::ffff:192.0.2.1',
    '64:ff9b::127.0.0.1',
  ],
  leave: ['::127.0.0.9', '::ffff:127.0.0.9', '64:ff9b::127.0.0.1'],
  comeIn: ['::127.0.0.1', '::ffff:127.0.0.1'],
};

function family(version: 4 | 6): void {
  const martians = version === 4 ? V4 : V6;
  const packets = new Packets();
  let lab: Lab;
  let sender: Sandbox;
  let round = 0;

  before(async () => {
    lab = await Lab.start({
      ipv6: true,
      addressPools: [
        { base: '10.210.0.0/16', size: 24 },
        { base: 'fd00:210::/48', size: 64 },
      ],
    });
    const outside = lab.otherHost();
    await lab.createNetwork('a', { enableIpv6: true });
    await lab.createNetwork('b', { enableIpv6: true });
    sender = await lab.join('sender', ['a']);
    const target = await lab.join('target', ['b'], {
      portBindings: { '80/udp': [{ hostIp: '', hostPort: String(HOST_PORT) }] },
    });
    const any = version === 4 ? '0.0.0.0' : '::';
    packets.serveUdp(undefined, PORT, any);
    packets.serveUdp(target.netns, 80, any);
    packets.serveUdp(outside, PORT, any);
    // What the host lets out arrives: everything is led to the other machine, which has all these addresses.
    run('ip', `-${version}`, 'route', 'add', 'default', 'via', martians.good);
    for (const address of martians.leave)
      run('nsenter', `--net=${outside}`, 'ip', `-${version}`, 'route', 'add', 'local', address, 'dev', 'lo');
  });
  after(async () => {
    packets.close();
    await lab.stop();
  });

  /** What arrives of each: by source to each goal, by destination. */
  const arrivals = async (): Promise<{ sources: string[]; destinations: string[]; control: string[] }> => {
    const route = RouteSocket.open();
    const { mac } = route.link(lab.network('a').bridgeName)!;
    route.close();
    const own = version === 4 ? sender.endpoints[0]!.ipv4 : sender.endpoints[0]!.ipv6;
    const send = (name: string, source: string, destination: string, destinationPort: number) => {
      const text = `${name}, ${++round}`;
      packets.inject(sender.netns, 'eth0', mac, {
        source,
        destination,
        sourcePort: 20_000 + round,
        destinationPort,
        text,
      });
      return { name, text };
    };
    const goals = Object.entries(martians.goals);
    const sources = martians.sources.flatMap((source) =>
      goals.map(([goal, [to, port]]) => send(`${source} > ${goal}`, source, to, port)),
    );
    const destinations = martians.destinations.map((destination) => send(destination, own, destination, PORT));
    // Sent last: when these are there, the others were, if they could be.
    const control = goals.map(([goal, [to, port]]) => send(goal, own, to, port));
    await packets.arrive(control.map(({ text }) => text));
    const arrived = (list: { name: string; text: string }[]) =>
      list.filter(({ text }) => packets.seen(text) !== undefined).map(({ name }) => name);
    return { sources: arrived(sources), destinations: arrived(destinations), control: arrived(control) };
  };

  test('nothing from or to such an address arrives anywhere', async () => {
    assert.deepEqual(await arrivals(), { sources: [], destinations: [], control: Object.keys(martians.goals) });
  });

  test('without the ruleset some of it would', async () => {
    await lab.withoutEngine(async () => {
      run('nft', 'flush', 'ruleset');
      const { sources, destinations } = await arrivals();
      const open = [...martians.leave, ...martians.comeIn.map((source) => `${source} > host`)];
      assert.deepEqual(
        open.filter((path) => ![...sources, ...destinations].includes(path)),
        [],
      );
    });
  });
}

if (enterTestHost()) {
  describe('martians over IPv4', () => family(4));
  describe('martians over IPv6', () => family(6));
}
