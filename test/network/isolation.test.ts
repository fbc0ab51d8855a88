/**
 * Who may reach whom: the table that docs/isolation.md shows, each cell tried with real packets. Rows are where a
 * connection comes from, columns what it is made to. What must not pass is tried again without the ruleset: a path that
 * is closed then too would prove nothing.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { HostFirewall, missingFirewall } from '../harness/host-firewall.ts';
import { enterTestHost } from './inside.ts';
import {
  ALLOWED,
  DIRECT,
  eachCell,
  LOOPBACK_PORT,
  LOOPBACK_SERVICE,
  type Network,
  NETWORKS,
  OTHERS,
  type Path,
  type Place,
  PLACES,
  SERVICE,
  SOURCES,
  TO_HOST,
  tryCell,
  UNPUBLISHED,
  World,
} from './isolation-world.ts';
import { run } from './lab.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';

function linkIndex(netns: string | undefined, name: string): number {
  const route = RouteSocket.open(netns);
  try {
    return route.link(name)!.index;
  } finally {
    route.close();
  }
}

function bridgeLinkLocal(bridge: string): string {
  const route = RouteSocket.open();
  try {
    return route.addresses(bridge).find(({ address, scope }) => scope === 'link' && address.includes(':'))!.address;
  } finally {
    route.close();
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function table(version: 4 | 6): void {
  let world: World;
  const results = new Map<string, string[]>();

  before(async () => {
    world = await World.build(version);
    await eachCell([...PLACES, 'host'], async (source, target) =>
      results.set(`${source} > ${target}`, await tryCell(world, source, target)),
    );
  });
  after(() => world.stop());

  for (const source of SOURCES) {
    test(`from ${source}`, () => {
      const found = Object.fromEntries(
        [...PLACES, 'host'].map((target) => [target, results.get(`${source} > ${target}`)]),
      );
      assert.deepEqual(found, ALLOWED[source]);
    });
  }

  test('neighbours that are kept apart are so past their gateway too', async () => {
    const answers = async (network: Network) => {
      const { netns } = world.clients.get(network)!;
      const to = world.address(world.servers.get(network)!.sandbox);
      run(
        'nsenter',
        `--net=${netns}`,
        'ip',
        `-${version}`,
        'route',
        'add',
        `${to}/${version === 4 ? 32 : 128}`,
        'via',
        world.gateway(network),
      );
      const question = { from: netns, to, port: UNPUBLISHED };
      return Promise.all(
        (['tcp', 'udp', 'icmp'] as const).map(
          async (protocol) => (await world.packets.ask({ ...question, protocol })) !== '',
        ),
      );
    };
    assert.deepEqual(await answers('a'), [true, true, true]);
    assert.deepEqual(await answers('quiet'), [false, false, false]);
  });

  if (version === 6) {
    test('the relay for ports that the kernel cannot forward opens no way out of an internal network', async () => {
      const { lab, packets } = world;
      await lab.createNetwork('old');
      const bindings = [{ hostIp: '', hostPort: '8200' }];
      const server = await lab.join('old-server', ['old'], {
        portBindings: { '80/tcp': bindings, '80/udp': bindings },
      });
      packets.serveTcp(server.netns, 80, '0.0.0.0');
      packets.serveUdp(server.netns, 80, '0.0.0.0');
      const answers = async (network: Network, linkLocal: boolean, port: number) => {
        const client = world.clients.get(network)!;
        const to = linkLocal ? bridgeLinkLocal(lab.network(network).bridgeName) : world.gateway(network);
        const question = {
          from: client.netns,
          to,
          port,
          ...(linkLocal ? { scopeId: linkIndex(client.netns, 'eth0') } : {}),
        };
        return Promise.all(
          (['tcp', 'udp'] as const).map(async (protocol) => (await packets.ask({ ...question, protocol })) !== ''),
        );
      };
      // One without IPv6, and one that has it, at an address that cannot be forwarded.
      const ports = [8200, world.servers.get('b')!.hostPort] as const;
      assert.deepEqual(
        await Promise.all([answers('a', false, ports[0]), answers('a', true, ports[0]), answers('a', true, ports[1])]),
        [
          [true, true],
          [true, true],
          [true, true],
        ],
      );
      assert.deepEqual(
        await Promise.all([
          answers('inside', false, ports[0]),
          answers('inside', true, ports[0]),
          answers('inside', true, ports[1]),
        ]),
        [
          [false, false],
          [false, false],
          [false, false],
        ],
      );
    });
  }

  test('a made-up source opens nothing', async () => {
    const expected = madeUp(version);
    assert.deepEqual(await tryMadeUp(world, expected), expected);
    // What a Kubernetes node sets. A port that is published on the loopback stays closed even then.
    if (version === 4) run('sysctl', '-qw', 'net.ipv4.conf.uplink.route_localnet=1');
    const arrived = Object.entries(await tryMadeUp(world, expected)).filter(
      ([name, goals]) => name.startsWith('outside') && goals.includes('loopback port'),
    );
    assert.deepEqual(arrived, []);
  });

  for (const name of ['ufw', 'firewalld'] as const) {
    test(
      `${name}, through which way is made for containers, lets through the same, and to the host no more`,
      { skip: missingFirewall(name) ?? false },
      async () => {
        const firewall = new HostFirewall(name);
        await firewall.start();
        try {
          for (const end = Date.now() + 60_000; Date.now() < end; await sleep(100))
            if ((await tryCell(world, 'outside', 'routed')).length > 0 && (await tryCell(world, 'a', 'b')).length > 0)
              break;
          await eachCell(NETWORKS, async (source, target) =>
            assert.deepEqual(await tryCell(world, source, target), ALLOWED[source][target], `${source} > ${target}`),
          );
          // No way is made to what is not ours.
          await eachCell([...OTHERS, 'host'], async (source, target) => {
            const through = await tryCell(world, source, target);
            assert.deepEqual(
              through.filter((path) => !path.startsWith('of ') && !ALLOWED[source][target].includes(path as Path)),
              [],
              `${source} > ${target}`,
            );
          });
        } finally {
          await firewall.stop();
        }
      },
    );
  }

  test('without the ruleset every direct path is open: it is what keeps them closed', async () => {
    await world.lab.withoutEngine(async () => {
      run('nft', 'flush', 'ruleset');
      const expected: Arrived = {
        'a as its own': version === 4 ? ['container', 'loopback server'] : ['container'],
        'a as the host': version === 4 ? [] : ['container'],
      };
      const arrived = await tryMadeUp(world, expected);
      for (const [name, goals] of Object.entries(expected))
        assert.deepEqual(
          goals.filter((goal) => !arrived[name]!.includes(goal)),
          [],
          name,
        );
      const closed: string[] = [];
      await eachCell(PLACES, async (source, target) => {
        const through = await tryCell(world, source, target);
        closed.push(
          ...DIRECT.filter((path) => !through.includes(path)).map((path) => `${source} > ${target}: ${path}`),
        );
      });
      assert.deepEqual(closed, []);
    });
  });
}

/** Whose address a sender claims to have. */
const CLAIMS = ['its own', 'a container beside the target', 'the host', 'loopback'] as const;
/** All UDP: one datagram is enough to see that it arrives. The target is a container of network b. */
const GOALS = ['container', 'host port', 'host server', 'loopback port', 'loopback server'] as const;
type Goal = (typeof GOALS)[number];
type Arrived = Readonly<Record<string, readonly Goal[]>>; // by 'SENDER as CLAIM'

const TO_ANYBODY: readonly Goal[] = ['host port', 'host server'];

const madeUp = (version: 4 | 6): Arrived => ({
  'a as its own': TO_ANYBODY,
  'a as a container beside the target': [],
  'a as the host': [],
  'a as loopback': [],
  'outside as its own': TO_ANYBODY,
  'outside as a container beside the target': TO_ANYBODY,
  // The kernel asks whether it has the address itself over IPv4 alone; what comes over the uplink is the host's own
  // business.
  'outside as the host': version === 4 ? [] : TO_ANYBODY,
  'outside as loopback': [],
});

let round = 0;

/**
 * Datagrams laid on the cable as they are: which arrive. Waits for those that are expected, and a little for others.
 */
async function tryMadeUp(world: World, expected: Arrived): Promise<Arrived> {
  const { packets, lab } = world;
  const { sandbox: target, hostPort } = world.servers.get('b')!;
  const client = world.clients.get('a')!;
  const senders = [
    { name: 'a', netns: client.netns, address: world.address(client), gateway: lab.network('a').bridgeName },
    { name: 'outside', netns: world.outside, address: world.outsideAddress, gateway: 'uplink' },
  ];
  const goals: Record<Goal, readonly [string, number]> = {
    container: [world.address(target), UNPUBLISHED],
    'host port': [world.uplink, hostPort],
    'host server': [world.uplink, SERVICE],
    'loopback port': [world.loopback, LOOPBACK_PORT],
    'loopback server': [world.loopback, LOOPBACK_SERVICE],
  };
  const claims: Record<(typeof CLAIMS)[number], (own: string) => string> = {
    'its own': (own) => own,
    'a container beside the target': () => world.address(world.clients.get('b')!),
    'the host': () => world.uplink,
    loopback: () => world.loopback,
  };
  const route = RouteSocket.open();
  const sent = senders.flatMap((sender) =>
    CLAIMS.flatMap((claim) =>
      GOALS.map((goal) => {
        const [destination, destinationPort] = goals[goal];
        const name = `${sender.name} as ${claim}`;
        const text = `${name}: ${goal}, ${++round}`;
        const datagram = {
          source: claims[claim](sender.address),
          destination,
          sourcePort: 20_000 + round,
          destinationPort,
          text,
        };
        packets.inject(sender.netns, 'eth0', route.link(sender.gateway)!.mac, datagram);
        return { name, goal, text };
      }),
    ),
  );
  route.close();
  const isThere = ({ text }: { text: string }) => packets.seen(text) !== undefined;
  const wanted = sent.filter(({ name, goal }) => expected[name]?.includes(goal));
  await packets.arrive(
    wanted.map(({ text }) => text),
    30_000,
  );
  const arrived: Record<string, Goal[]> = Object.fromEntries(
    senders.flatMap(({ name }) => CLAIMS.map((claim) => [`${name} as ${claim}`, []])),
  );
  for (const one of sent) if (isThere(one)) arrived[one.name]!.push(one.goal);
  return arrived;
}

const DESCRIPTIONS: Readonly<Record<Place, string>> = {
  default: 'the default bridge',
  a: "a network of the user's",
  b: 'another one',
  inside: 'an internal network (`--internal`)',
  quiet: 'a network with `com.docker.network.bridge.enable_icc=false`',
  routed: 'a network with `gateway_mode_ipv4=routed` (and ipv6)',
  open: 'a network with `gateway_mode_ipv4=nat-unprotected` (and ipv6)',
  earlier:
    'a bridge of another engine that was there when the daemon turned IP forwarding on, with published ports and no rule that closes anything',
  later: 'the same, made afterwards ([firewall.md](firewall.md))',
};

/** The table as documentation; UPDATE_GOLDEN=1 writes it. */
function renderPage(): string {
  const rows = SOURCES.map(
    (source) => `| **${source}** | ${PLACES.map((target) => ALLOWED[source][target].join(', ') || '-').join(' | ')} |`,
  );
  const toHost = SOURCES.filter((source) => source !== 'host').map((source) => {
    const cells = TO_HOST.map((path) =>
      ALLOWED[source].host.includes(path) ? 'yes' : source === 'outside' && path === 'own gateway' ? '' : '-',
    );
    return `| **${source}** | ${cells.join(' | ')} |`;
  });
  return `# Who can reach whom

Generated by test/network/isolation.test.ts, which tries every cell with real packets, over IPv4 and over IPv6; do not edit.

- **host**: the host itself; **outside**: another machine that routes the containers' addresses to the host
${PLACES.map((name) => `- **${name}**: ${DESCRIPTIONS[name]}`).join('\n')}

## Containers

Rows are where a packet comes from, columns the network of the container that it is for. *published*, *unpublished*: ports of the
container at its own address, with and without \`-p\`, TCP and UDP; *ping*: its own address; *host port*: the published port, TCP and
UDP, at the host's address on its uplink and at the gateway addresses of both networks. A dash: nothing.

| from \\ to | ${PLACES.join(' | ')} |
|---|${PLACES.map(() => '---').join('|')}|
${rows.join('\n')}

Containers of one network reach each other's every port, unless the network forbids it; links then open exactly what their sources expose.

## The host

Servers of the host itself, TCP and UDP, and ping, at the gateway address of the own network, at those of other networks, and at the host's address on its uplink.

| from | ${TO_HOST.join(' | ')} |
|---|${TO_HOST.map(() => '---').join('|')}|
${toHost.join('\n')}

Servers of the host on its loopback are for the host alone.

Behind ufw and firewalld, through which the daemon makes way ([firewalls.md](firewalls.md)), the first table is the same, tried cell by cell; of the second they may close more.

## Made-up sources

What arrives of datagrams that say to come from somewhere else, sent by a container of network a and by the other machine for a container of
network b (*container*), for its published port (*host port*), for a server of the host, and for a port that is published on the loopback and a server there.
An address opens nothing that the sender's interface would not open: what arrives is what anybody may send. A server should not take an address for a proof, though.

| sender | claims to be | arrives over IPv4 | over IPv6 |
|---|---|---|---|
${Object.keys(madeUp(4))
  .map(
    (name) =>
      `| ${name.replace(' as ', ' | ')} | ${madeUp(4)[name]!.join(', ') || '-'} | ${madeUp(6)[name]!.join(', ') || '-'} |`,
  )
  .join('\n')}

A port that is published on 127.0.0.1 is closed to other machines even where the host routes loopback addresses (\`route_localnet\`, as on Kubernetes nodes). Within one network
addresses are not checked, as on any cable: who may send raw packets (NET_RAW, which containers have by default, or NET_ADMIN) can claim a neighbour's address or that of the gateway
by ARP or neighbour discovery and get what is meant for it, as under Docker. That goes for the address to which a link opened a hole, too. Give containers that you do not
trust a network of their own, or \`--cap-drop NET_RAW\`.

What leaves a network, or is for the host, must come from where an answer to it would go: from a subnet of that network, a subnet behind it to which the host has a route, or
an address that a container on it has on another of its networks. It is asked before connection tracking is, so that nobody puts anything into a flow of another
network or of the host by its partner's address: test/network/foreign-sources.test.ts tries to. Between neighbours that are kept apart it is asked too.

No container sends anything past its bridge from or to an address of a loopback or the unspecified one, in whatever spelling (\`127.0.0.0/8\`, \`0.0.0.0/8\`, \`::/96\`, \`::ffff:0:0/96\`,
\`64:ff9b::127.0.0.0/104\`), nor from a group: test/network/martians.test.ts sends them all.

## Where this is not Docker 28

Only ever stricter:

- **inside > host**: Docker gives a container of an internal network no route, but lets in what it sends to the host's other addresses once it has made itself one
  (CAP_NET_ADMIN, or frames by CAP_NET_RAW, which containers have by default). Here only the gateway of its own network answers.
- **inside > others** over IPv6: Docker's proxy accepts at every address of the host, the gateway of an internal network included, and leads on to containers that have no IPv6. The
  relay here asks which network a caller is from.
- **a as the host**: over IPv6 no kernel asks whether a packet says to come from the host itself. Docker does not either; here such packets from containers are dropped.
- **quiet > quiet**: Docker's filter sees plain IP only; with a VLAN tag, which the receiver's kernel takes off, anything passes. Here nothing else does
  (test/network/tagged-frames.test.ts).
- **neighbours** follow no ICMP redirect, which any of them can send in the name of the gateway (\`--sysctl net.ipv4.conf.all.accept_redirects=1\` allows it), nor router
  advertisements (test/network/router-claims.test.ts).
- **a as a container beside the target**: Docker does not look at sources that containers make up.

**other networks > open** is as in Docker 28: other machines are let in, other networks of this host are not. Docker 29 lets them in too; its documentation says that it does not.
`;
}

if (enterTestHost()) {
  describe('isolation over IPv4', () => table(4));
  describe('isolation over IPv6', () => table(6));
  test('the documentation shows this table', () => {
    const path = fileURLToPath(new URL('../../docs/isolation.md', import.meta.url));
    if (process.env['UPDATE_GOLDEN']) writeFileSync(path, renderPage());
    assert.equal(readFileSync(path, 'utf8'), renderPage());
  });
}
