/**
 * Connection tracking knows a flow by its addresses, not by where its packets come from. So a container that makes up
 * the source of a datagram could put it into a flow of another network, or of the host: what says to come from where it
 * would not be answered to goes nowhere.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { macBytes } from '../../src/kernel/socket-address.ts';
import type { Sandbox } from '../../src/network/service.ts';
import { enterTestHost } from './inside.ts';
import { Lab, run } from './lab.ts';
import { encodeUdp, encodeUnreachable } from './packet-codec.ts';
import { Packets } from './packets.ts';

const SERVER = 9000; // on the other machine
const CLIENT = 5000; // of the victim, the other machine and the host
const QUIET_CLIENT = 5001; // on the network whose neighbours are kept apart
const HOST_PORT = 8001;
const option = (name: string, value: string) => ({ [`com.docker.network.bridge.${name}`]: value });

function family(version: 4 | 6): void {
  const packets = new Packets();
  const any = version === 4 ? '0.0.0.0' : '::';
  const host = version === 4 ? '192.0.2.1' : '2001:db8::1';
  const away = version === 4 ? '192.0.2.2' : '2001:db8::2';
  const length = version === 4 ? 32 : 128;
  let lab: Lab;
  let outside: string;
  let round = 0;
  const sandboxes = new Map<string, Sandbox>();

  const netns = (name: string) => sandboxes.get(name)!.netns;
  const address = (name: string, network = 0): string => {
    const endpoint = sandboxes.get(name)!.endpoints[network]!;
    return version === 4 ? endpoint.ipv4 : endpoint.ipv6;
  };
  const macOf = (link: string, namespace?: string): string => {
    const route = RouteSocket.open(namespace);
    try {
      return route.link(link)!.mac;
    } finally {
      route.close();
    }
  };

  before(async () => {
    lab = await Lab.start({
      ipv6: true,
      addressPools: [
        { base: '10.210.0.0/16', size: 24 },
        { base: 'fd00:210::/48', size: 64 },
      ],
    });
    outside = lab.otherHost();
    // The kernel's own check of sources, which a host may or may not have, is not what is tried here.
    for (const name of ['all', 'default']) run('sysctl', '-qw', `net.ipv4.conf.${name}.rp_filter=0`);
    await lab.createNetwork('a', { enableIpv6: true });
    await lab.createNetwork('b', { enableIpv6: true });
    await lab.createNetwork('quiet', { enableIpv6: true, options: option('enable_icc', 'false') });
    await lab.createNetwork('inside', { enableIpv6: true, internal: true });
    await lab.createNetwork('routed', {
      enableIpv6: true,
      options: { ...option('gateway_mode_ipv4', 'routed'), ...option('gateway_mode_ipv6', 'routed') },
    });
    const published = { portBindings: { '80/udp': [{ hostIp: '', hostPort: String(HOST_PORT) }] } };
    sandboxes.set('attacker', await lab.join('attacker', ['a']));
    sandboxes.set('neighbour', await lab.join('neighbour', ['a']));
    for (const name of ['quiet attacker', 'quiet victim'])
      sandboxes.set(name, await lab.join(name.replace(' ', '-'), ['quiet']));
    sandboxes.set('insider', await lab.join('insider', ['inside']));
    sandboxes.set('victim', await lab.join('victim', ['b'], published));
    sandboxes.set('both', await lab.join('both', ['a', 'routed']));
    for (const port of [CLIENT, 80]) packets.hearUdp(netns('victim'), port, any);
    for (const port of [CLIENT, SERVER]) packets.hearUdp(outside, port, any);
    packets.hearUdp(netns('quiet victim'), QUIET_CLIENT, any);
    packets.hearFrames(outside, 'eth0');
    packets.hearUdp(undefined, CLIENT, any);
    packets.hearUdp(netns('neighbour'), CLIENT, any);
    for (const bridge of ['a', 'b', 'inside', 'routed', 'quiet'].map((name) => lab.network(name).bridgeName))
      run('sysctl', '-qw', `net.ipv4.conf.${bridge}.rp_filter=0`);
  });
  after(async () => {
    packets.close();
    await lab.stop();
  });

  /** Lays a datagram on the cable of a container, addressed to its gateway; what it says. */
  const send = (
    from: string,
    network: string,
    datagram: { source: string; sourcePort: number; destination: string; destinationPort: number },
  ): string => {
    const text = `datagram ${++round}`;
    packets.inject(netns(from), 'eth0', macOf(lab.network(network).bridgeName), { ...datagram, text });
    return text;
  };
  const sendFromOutside = (datagram: {
    source: string;
    sourcePort: number;
    destination: string;
    destinationPort: number;
  }): string => {
    const text = `datagram ${++round}`;
    packets.inject(outside, 'eth0', macOf('uplink'), { ...datagram, text });
    return text;
  };
  const arrives = async (text: string, what: string): Promise<void> => {
    assert.ok(await packets.arrive([text]), `${what} arrives`);
  };
  /** What is sent in one go arrives in order: when the last is there, the others were, if they could be. */
  const doesNotArrive = async (text: string, control: () => string): Promise<void> => {
    await arrives(control(), 'the control');
    assert.equal(packets.seen(text), undefined, 'the made-up one does not arrive');
  };
  const ownToOutside = () =>
    send('attacker', 'a', {
      source: address('attacker'),
      sourcePort: 40_000 + round,
      destination: away,
      destinationPort: SERVER,
    });

  const victimAsks = () =>
    arrives(
      send('victim', 'b', {
        source: address('victim'),
        sourcePort: CLIENT,
        destination: away,
        destinationPort: SERVER,
      }),
      'the question of the victim',
    );

  test('an answer to a container of another network that its partner did not send', async () => {
    await victimAsks();
    const answer = sendFromOutside({ source: away, sourcePort: SERVER, destination: host, destinationPort: CLIENT });
    await arrives(answer, 'the answer of the partner');
    const forged = send('attacker', 'a', {
      source: away,
      sourcePort: SERVER,
      destination: host,
      destinationPort: CLIENT,
    });
    await doesNotArrive(forged, ownToOutside);
  });

  test('an answer in the name of a published container of another network', async () => {
    await arrives(
      sendFromOutside({ source: away, sourcePort: CLIENT, destination: host, destinationPort: HOST_PORT }),
      'the question of the other machine',
    );
    await arrives(
      send('victim', 'b', { source: address('victim'), sourcePort: 80, destination: away, destinationPort: CLIENT }),
      'the answer of the victim',
    );
    const forged = send('attacker', 'a', {
      source: address('victim'),
      sourcePort: 80,
      destination: away,
      destinationPort: CLIENT,
    });
    await doesNotArrive(forged, ownToOutside);
  });

  test('an answer to the host itself that its partner did not send', async () => {
    await arrives(
      sendFromOutside({ source: away, sourcePort: SERVER, destination: host, destinationPort: CLIENT }),
      'the answer of the partner',
    );
    const forged = send('attacker', 'a', {
      source: away,
      sourcePort: SERVER,
      destination: host,
      destinationPort: CLIENT,
    });
    await doesNotArrive(forged, ownToOutside);
  });

  test('a way out of an internal network through the flow of a container of another one', async () => {
    await victimAsks();
    const forged = send('insider', 'inside', {
      source: address('victim'),
      sourcePort: CLIENT,
      destination: away,
      destinationPort: SERVER,
    });
    await doesNotArrive(forged, ownToOutside);
  });

  test('nor by an error about a packet of such a flow', async () => {
    await victimAsks();
    const text = `<datagram ${++round}>`;
    const about = encodeUdp({
      source: away,
      sourcePort: SERVER,
      destination: address('victim'),
      destinationPort: CLIENT,
      text,
    });
    const mac = macBytes(macOf(lab.network('inside').bridgeName));
    const frame = Buffer.concat([
      mac,
      macBytes(sandboxes.get('insider')!.endpoints[0]!.mac),
      Buffer.from(version === 4 ? [8, 0] : [0x86, 0xdd]),
      encodeUnreachable(address('insider'), away, about),
    ]);
    packets.injectFrame(netns('insider'), 'eth0', frame);
    await doesNotArrive(text, ownToOutside);
  });

  describe('neighbours that are kept apart', () => {
    const quietToOutside = () =>
      send('quiet attacker', 'quiet', {
        source: address('quiet attacker'),
        sourcePort: 40_000 + round,
        destination: away,
        destinationPort: SERVER,
      });

    test('do not reach each other with a spoofed outside source address', async () => {
      await arrives(
        send('quiet victim', 'quiet', {
          source: address('quiet victim'),
          sourcePort: QUIET_CLIENT,
          destination: away,
          destinationPort: SERVER,
        }),
        'the question of the victim',
      );
      await arrives(
        sendFromOutside({ source: away, sourcePort: SERVER, destination: host, destinationPort: QUIET_CLIENT }),
        'the answer of the partner',
      );
      const forged = send('quiet attacker', 'quiet', {
        source: away,
        sourcePort: SERVER,
        destination: host,
        destinationPort: QUIET_CLIENT,
      });
      await doesNotArrive(forged, quietToOutside);
    });

    test('nor in the name of their gateway', async () => {
      packets.hearUdp(undefined, SERVER, gateway('quiet'));
      await arrives(
        send('quiet victim', 'quiet', {
          source: address('quiet victim'),
          sourcePort: QUIET_CLIENT,
          destination: gateway('quiet'),
          destinationPort: SERVER,
        }),
        'the question of the victim',
      );
      const text = `datagram ${++round}`;
      packets.inject(netns('quiet attacker'), 'eth0', macOf('eth0', netns('quiet victim')), {
        source: gateway('quiet'),
        sourcePort: SERVER,
        destination: address('quiet victim'),
        destinationPort: QUIET_CLIENT,
        text,
      });
      await doesNotArrive(text, quietToOutside);
    });
  });

  test('a container on two networks answers over either, whichever it was asked on', async () => {
    // Asked on the routed one from afar, it answers by its default route, over the other.
    run(
      'nsenter',
      `--net=${netns('both')}`,
      'ip',
      `-${version}`,
      'route',
      'replace',
      'default',
      'via',
      gateway('a'),
      'dev',
      'eth0',
    );
    assert.equal(
      await packets.ask({ from: outside, protocol: 'icmp', to: address('both', 1), patienceMs: 5_000 }),
      'echo',
    );
    const claimed = send('attacker', 'a', {
      source: address('victim'),
      sourcePort: 82,
      destination: away,
      destinationPort: CLIENT,
    });
    await doesNotArrive(claimed, ownToOutside);
  });

  test('a subnet routed through a container is reachable', async () => {
    const behind = version === 4 ? '10.99.0.1' : 'fd99::1';
    const question = () =>
      send('neighbour', 'a', {
        source: behind,
        sourcePort: 40_000 + round,
        destination: away,
        destinationPort: SERVER,
      });
    await doesNotArrive(question(), ownToOutside);
    run('ip', `-${version}`, 'route', 'add', `${behind}/${length}`, 'via', address('neighbour'));
    await arrives(question(), 'what comes from there');
    run('ip', `-${version}`, 'route', 'del', `${behind}/${length}`);
  });

  test('neighbour requests and link-local packets reach the host', async () => {
    if (version === 4)
      return arrives(
        send('attacker', 'a', {
          source: '0.0.0.0',
          sourcePort: 68,
          destination: '255.255.255.255',
          destinationPort: CLIENT,
        }),
        'the broadcast',
      );
    const linkLocal = (link: string, namespace?: string): string => {
      const route = RouteSocket.open(namespace);
      try {
        return route.addresses(link).find(({ address: one }) => one.startsWith('fe80'))!.address;
      } finally {
        route.close();
      }
    };
    const [from, to] = [linkLocal('eth0', netns('attacker')), linkLocal(lab.network('a').bridgeName)];
    await arrives(
      send('attacker', 'a', { source: from, sourcePort: 546, destination: to, destinationPort: CLIENT }),
      'what comes from a link-local address',
    );
  });

  test('packets that a container forwards to its neighbours keep their source, also where bridged packets are filtered', async () => {
    run('sysctl', '-qw', `net.bridge.bridge-nf-call-ip${version === 4 ? '' : '6'}tables=1`);
    const text = `datagram ${++round}`;
    const mac = macOf('eth0', netns('neighbour'));
    packets.inject(netns('attacker'), 'eth0', mac, {
      source: away,
      sourcePort: SERVER,
      destination: address('neighbour'),
      destinationPort: CLIENT,
      text,
    });
    await arrives(text, 'the datagram');
    run('sysctl', '-qw', `net.bridge.bridge-nf-call-ip${version === 4 ? '' : '6'}tables=0`);
  });

  function gateway(network: string): string {
    return lab
      .network(network)
      .pools.map((pool) => pool.gateway)
      .find((one) => one.includes(':') === (version === 6))!;
  }
}

if (enterTestHost()) {
  describe('foreign sources over IPv4 put nothing into flows of others', () => family(4));
  describe('foreign sources over IPv6 put nothing into flows of others', () => family(6));
}
