/**
 * Who may reach whom: the table that docs/isolation.md shows, each cell tried with real packets. Rows are where a
 * connection comes from, columns what it is made to. What must not pass is tried again without the ruleset: a path that is closed then
 * too would prove nothing.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import type { Sandbox } from '../../src/network/service.ts';
import { HostFirewall, missingFirewall } from '../harness/host-firewall.ts';
import { enterTestHost } from './inside.ts';
import { Lab, run } from './lab.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { Packets, type Question } from './packets.ts';

const NETWORKS = ['default', 'a', 'b', 'inside', 'quiet', 'routed', 'open'] as const;
type Network = (typeof NETWORKS)[number];
const SOURCES = [...NETWORKS, 'host', 'outside'] as const;
type Source = (typeof SOURCES)[number];

type Path = 'published' | 'unpublished' | 'ping' | 'host port' | 'own gateway' | 'other gateways' | 'uplink';
const TO_CONTAINER: readonly Path[] = ['published', 'unpublished', 'ping', 'host port'];
const TO_HOST: readonly Path[] = ['own gateway', 'other gateways', 'uplink'];
const DIRECT: readonly Path[] = ['published', 'unpublished', 'ping'];

const NONE: readonly Path[] = [];
const ALL = TO_CONTAINER;
const MAPPED: readonly Path[] = ['host port'];
const OPENED: readonly Path[] = ['published', 'ping'];

/** What is not named must not get through. */
const ALLOWED: Readonly<Record<Source, Readonly<Record<Network | 'host', readonly Path[]>>>> = {
  default: { default: ALL, a: MAPPED, b: MAPPED, inside: NONE, quiet: MAPPED, routed: OPENED, open: MAPPED, host: TO_HOST },
  a: { default: MAPPED, a: ALL, b: MAPPED, inside: NONE, quiet: MAPPED, routed: OPENED, open: MAPPED, host: TO_HOST },
  b: { default: MAPPED, a: MAPPED, b: ALL, inside: NONE, quiet: MAPPED, routed: OPENED, open: MAPPED, host: TO_HOST },
  inside: { default: NONE, a: NONE, b: NONE, inside: DIRECT, quiet: NONE, routed: NONE, open: NONE, host: ['own gateway'] },
  quiet: { default: MAPPED, a: MAPPED, b: MAPPED, inside: NONE, quiet: MAPPED, routed: OPENED, open: MAPPED, host: TO_HOST },
  routed: { default: MAPPED, a: MAPPED, b: MAPPED, inside: NONE, quiet: MAPPED, routed: DIRECT, open: MAPPED, host: TO_HOST },
  open: { default: MAPPED, a: MAPPED, b: MAPPED, inside: NONE, quiet: MAPPED, routed: OPENED, open: ALL, host: TO_HOST },
  host: { default: ALL, a: ALL, b: ALL, inside: DIRECT, quiet: ALL, routed: DIRECT, open: ALL, host: NONE },
  outside: { default: MAPPED, a: MAPPED, b: MAPPED, inside: NONE, quiet: MAPPED, routed: OPENED, open: ALL, host: ['other gateways', 'uplink'] },
};

/** Ports: of containers published and not, of the host's own servers. */
const PUBLISHED = 80;
const UNPUBLISHED = 81;
const SERVICE = 9000;

interface Probe {
  readonly path: Path;
  readonly question: Question;
}

class World {
  readonly packets = new Packets();
  readonly servers = new Map<Network, { sandbox: Sandbox; hostPort: number }>();
  readonly clients = new Map<Network, Sandbox>();
  readonly lab: Lab;
  readonly outside: string;
  readonly version: 4 | 6;

  private constructor(lab: Lab, version: 4 | 6) {
    this.lab = lab;
    this.version = version;
    this.outside = lab.otherHost();
  }

  static async build(version: 4 | 6): Promise<World> {
    const lab = await Lab.start({
      ipv6: true,
      addressPools: [
        { base: '10.210.0.0/16', size: 24 },
        { base: 'fd00:210::/48', size: 64 },
      ],
    });
    const world = new World(lab, version);
    const option = (name: string, value: string) => ({ [`com.docker.network.bridge.${name}`]: value });
    const modes = (mode: string) => ({ ...option('gateway_mode_ipv4', mode), ...option('gateway_mode_ipv6', mode) });
    await lab.createNetwork('a', { enableIpv6: true });
    await lab.createNetwork('b', { enableIpv6: true });
    await lab.createNetwork('inside', { enableIpv6: true, internal: true });
    await lab.createNetwork('quiet', { enableIpv6: true, options: option('enable_icc', 'false') });
    await lab.createNetwork('routed', { enableIpv6: true, options: modes('routed') });
    await lab.createNetwork('open', { enableIpv6: true, options: modes('nat-unprotected') });
    let hostPort = 8000;
    for (const name of NETWORKS) {
      hostPort++;
      const network = name === 'default' ? 'bridge' : name;
      const bindings = [{ hostIp: '', hostPort: String(hostPort) }];
      const more = name === 'b' ? [{ hostIp: world.loopback, hostPort: String(LOOPBACK_PORT) }] : [];
      const server = await lab.join(`${name}-server`, [network], { portBindings: { [`${PUBLISHED}/tcp`]: bindings, [`${PUBLISHED}/udp`]: [...bindings, ...more] } });
      world.servers.set(name, { sandbox: server, hostPort });
      world.clients.set(name, await lab.join(`${name}-client`, [network]));
      for (const port of [PUBLISHED, UNPUBLISHED]) world.#serve(server.netns, port, version === 4 ? '0.0.0.0' : '::');
    }
    // No route leads out of an internal network. A container with CAP_NET_ADMIN makes itself one, so that does not count.
    for (const sandbox of [world.servers.get('inside')!.sandbox, world.clients.get('inside')!]) {
      run('nsenter', `--net=${sandbox.netns}`, 'ip', `-${version}`, 'route', 'add', 'default', 'via', world.gateway('inside'));
    }
    world.packets.serveUdp(undefined, LOOPBACK_SERVICE, world.loopback);
    // One server an address: a datagram is answered from where it was sent to.
    for (const address of [world.uplink, ...NETWORKS.map((name) => world.gateway(name))]) world.#serve(undefined, SERVICE, address);
    return world;
  }

  get uplink(): string {
    return this.version === 4 ? '192.0.2.1' : '2001:db8::1';
  }

  get loopback(): string {
    return this.version === 4 ? '127.0.0.1' : '::1';
  }

  get outsideAddress(): string {
    return this.version === 4 ? '192.0.2.2' : '2001:db8::2';
  }

  gateway(name: Network): string {
    const { pools } = this.lab.network(name === 'default' ? 'bridge' : name);
    return pools.map((pool) => pool.gateway).find((address) => address.includes(':') === (this.version === 6))!;
  }

  address(sandbox: Sandbox): string {
    return this.version === 4 ? sandbox.endpoints[0]!.ipv4 : sandbox.endpoints[0]!.ipv6;
  }

  netns(source: Source): string | undefined {
    return source === 'host' ? undefined : source === 'outside' ? this.outside : this.clients.get(source)!.netns;
  }

  #serve(netns: string | undefined, port: number, address: string): void {
    this.packets.serveTcp(netns, port, address);
    this.packets.serveUdp(netns, port, address);
  }

  /** Every packet that a cell stands for: tcp and udp each, to each address of the host that leads there. */
  probes(source: Source, target: Network | 'host'): Probe[] {
    const from = this.netns(source);
    const both = (path: Path, to: string, port: number): Probe[] => (['tcp', 'udp'] as const).map((protocol) => ({ path, question: { from, protocol, to, port } }));
    const ping = (path: Path, to: string): Probe => ({ path, question: { from, protocol: 'icmp', to } });
    const isContainer = source !== 'host' && source !== 'outside';
    if (target === 'host') {
      const visit = (path: Path, to: string) => [...both(path, to, SERVICE), ping(path, to)];
      if (source === 'host') return [];
      return [
        ...(isContainer ? visit('own gateway', this.gateway(source)) : []),
        ...visit('other gateways', this.gateway(source === 'b' ? 'a' : 'b')),
        ...visit('uplink', this.uplink),
      ];
    }
    const { sandbox, hostPort } = this.servers.get(target)!;
    const to = this.address(sandbox);
    const hostAddresses = new Set([this.uplink, this.gateway(target), ...(isContainer ? [this.gateway(source)] : [])]);
    return [
      ...both('published', to, PUBLISHED),
      ...both('unpublished', to, UNPUBLISHED),
      ping('ping', to),
      ...[...hostAddresses].flatMap((address) => both('host port', address, hostPort)),
    ];
  }

  async stop(): Promise<void> {
    this.packets.close();
    await this.lab.stop();
  }
}

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

const described = ({ protocol, to, port }: Question) => `${protocol} ${to}${port === undefined ? '' : ` port ${port}`}`;

/** The paths that got through, as a whole; one of which only some packets did is told with what they were. */
async function tryCell(world: World, source: Source, target: Network | 'host'): Promise<string[]> {
  const outcomes = await Promise.all(world.probes(source, target).map(async ({ path, question }) => ({ path, question, through: (await world.packets.ask(question)) !== '' })));
  const paths = [...new Set(outcomes.map(({ path }) => path))];
  return paths.flatMap((path) => {
    const mine = outcomes.filter((outcome) => outcome.path === path);
    const through = mine.filter((outcome) => outcome.through);
    if (through.length === mine.length) return [path];
    return through.length === 0 ? [] : [`of ${path} only ${through.map(({ question }) => described(question)).join(', ')}`];
  });
}

function table(version: 4 | 6): void {
  let world: World;
  const results = new Map<string, string[]>();

  before(async () => {
    world = await World.build(version);
    await Promise.all(SOURCES.map(async (source) => {
      for (const target of [...NETWORKS, 'host'] as const) results.set(`${source} > ${target}`, []);
      await Promise.all(([...NETWORKS, 'host'] as const).map(async (target) => results.set(`${source} > ${target}`, await tryCell(world, source, target))));
    }));
  });
  after(() => world.stop());

  for (const source of SOURCES) {
    test(`from ${source}`, () => {
      const found = Object.fromEntries([...NETWORKS, 'host'].map((target) => [target, results.get(`${source} > ${target}`)]));
      assert.deepEqual(found, ALLOWED[source]);
    });
  }

  test('neighbours that are kept apart are so past their gateway too', async () => {
    const answers = async (network: Network) => {
      const { netns } = world.clients.get(network)!;
      const to = world.address(world.servers.get(network)!.sandbox);
      run('nsenter', `--net=${netns}`, 'ip', `-${version}`, 'route', 'add', `${to}/${version === 4 ? 32 : 128}`, 'via', world.gateway(network));
      const question = { from: netns, to, port: UNPUBLISHED };
      return Promise.all((['tcp', 'udp', 'icmp'] as const).map(async (protocol) => (await world.packets.ask({ ...question, protocol })) !== ''));
    };
    assert.deepEqual(await answers('a'), [true, true, true]);
    assert.deepEqual(await answers('quiet'), [false, false, false]);
  });

  if (version === 6) {
    test('the relay, which serves what the kernel cannot lead to a container, leads nobody out of an internal network', async () => {
      const { lab, packets } = world;
      await lab.createNetwork('old');
      const bindings = [{ hostIp: '', hostPort: '8200' }];
      const server = await lab.join('old-server', ['old'], { portBindings: { '80/tcp': bindings, '80/udp': bindings } });
      packets.serveTcp(server.netns, 80, '0.0.0.0');
      packets.serveUdp(server.netns, 80, '0.0.0.0');
      const answers = async (network: Network, linkLocal: boolean, port: number) => {
        const client = world.clients.get(network)!;
        const to = linkLocal ? bridgeLinkLocal(lab.network(network).bridgeName) : world.gateway(network);
        const question = { from: client.netns, to, port, ...(linkLocal ? { scopeId: linkIndex(client.netns, 'eth0') } : {}) };
        return Promise.all((['tcp', 'udp'] as const).map(async (protocol) => (await packets.ask({ ...question, protocol })) !== ''));
      };
      // One without IPv6, and one that has it, at an address that cannot be forwarded.
      const ports = [8200, world.servers.get('b')!.hostPort] as const;
      assert.deepEqual(await Promise.all([answers('a', false, ports[0]), answers('a', true, ports[0]), answers('a', true, ports[1])]), [[true, true], [true, true], [true, true]]);
      assert.deepEqual(await Promise.all([answers('inside', false, ports[0]), answers('inside', true, ports[0]), answers('inside', true, ports[1])]), [[false, false], [false, false], [false, false]]);
    });
  }

  test('a made-up source opens nothing', async () => {
    const expected = madeUp(version);
    assert.deepEqual(await tryMadeUp(world, expected), expected);
    // What a Kubernetes node sets. A port that is published on the loopback stays closed even then.
    if (version === 4) run('sysctl', '-qw', 'net.ipv4.conf.uplink.route_localnet=1');
    const arrived = Object.entries(await tryMadeUp(world, expected)).filter(([name, goals]) => name.startsWith('outside') && goals.includes('loopback port'));
    assert.deepEqual(arrived, []);
  });

  for (const name of ['ufw', 'firewalld'] as const) {
    test(`${name}, through which way is made for containers, lets through the same, and to the host no more`, { skip: missingFirewall(name) ?? false }, async () => {
      const firewall = new HostFirewall(name);
      await firewall.start();
      try {
        for (const end = Date.now() + 30_000; Date.now() < end; await sleep(100)) if ((await tryCell(world, 'outside', 'routed')).length > 0 && (await tryCell(world, 'a', 'b')).length > 0) break;
        await Promise.all(
          SOURCES.flatMap((source) => [
            ...NETWORKS.map(async (target) => assert.deepEqual(await tryCell(world, source, target), ALLOWED[source][target], `${source} > ${target}`)),
            tryCell(world, source, 'host').then((through) => assert.deepEqual(through.filter((path) => !path.startsWith('of ') && !ALLOWED[source].host.includes(path as Path)), [], `${source} > host`)),
          ]),
        );
      } finally {
        await firewall.stop();
      }
    });
  }

  test('without the ruleset every direct path is open: it is what keeps them closed', async () => {
    await world.lab.withoutEngine(async () => {
      run('nft', 'flush', 'ruleset');
      const expected: Arrived = { 'a as its own': version === 4 ? ['container', 'loopback server'] : ['container'], 'a as the host': version === 4 ? [] : ['container'] };
      const arrived = await tryMadeUp(world, expected);
      for (const [name, goals] of Object.entries(expected)) assert.deepEqual(goals.filter((goal) => !arrived[name]!.includes(goal)), [], name);
      const closed = await Promise.all(
        SOURCES.flatMap((source) =>
          NETWORKS.map(async (target) => {
            const through = await tryCell(world, source, target);
            return DIRECT.filter((path) => !through.includes(path)).map((path) => `${source} > ${target}: ${path}`);
          }),
        ),
      );
      assert.deepEqual(closed.flat(), []);
    });
  });
}

/** Whose address a sender claims to have. */
const CLAIMS = ['its own', 'a container beside the target', 'the host', 'loopback'] as const;
/** All UDP: one datagram is enough to see that it arrives. The target is a container of network b. */
const GOALS = ['container', 'host port', 'host server', 'loopback port', 'loopback server'] as const;
type Goal = (typeof GOALS)[number];
type Arrived = Readonly<Record<string, readonly Goal[]>>; // by 'SENDER as CLAIM'

const LOOPBACK_PORT = 8100;
const LOOPBACK_SERVICE = 9001;
const TO_ANYBODY: readonly Goal[] = ['host port', 'host server'];

const madeUp = (version: 4 | 6): Arrived => ({
  'a as its own': TO_ANYBODY,
  'a as a container beside the target': [],
  'a as the host': [],
  'a as loopback': [],
  'outside as its own': TO_ANYBODY,
  'outside as a container beside the target': TO_ANYBODY,
  // The kernel asks whether it has the address itself over IPv4 alone; what comes over the uplink is the host's own business.
  'outside as the host': version === 4 ? [] : TO_ANYBODY,
  'outside as loopback': [],
});

let round = 0;

/** Datagrams laid on the cable as they are: which arrive. Waits for those that are expected, and a little for others. */
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
        const datagram = { source: claims[claim](sender.address), destination, sourcePort: 20_000 + round, destinationPort, text };
        packets.inject(sender.netns, 'eth0', route.link(sender.gateway)!.mac, datagram);
        return { name, goal, text };
      }),
    ),
  );
  route.close();
  const isThere = ({ text }: { text: string }) => packets.seen(text) !== undefined;
  const wanted = sent.filter(({ name, goal }) => expected[name]?.includes(goal));
  for (const until = Date.now() + 5_000; Date.now() < until && !wanted.every(isThere); ) await sleep(20);
  await sleep(200);
  const arrived: Record<string, Goal[]> = Object.fromEntries(senders.flatMap(({ name }) => CLAIMS.map((claim) => [`${name} as ${claim}`, []])));
  for (const one of sent) if (isThere(one)) arrived[one.name]!.push(one.goal);
  return arrived;
}

const DESCRIPTIONS: Readonly<Record<Network, string>> = {
  default: 'the default bridge',
  a: 'a network of the user\'s',
  b: 'another one',
  inside: 'an internal network (`--internal`)',
  quiet: 'a network with `com.docker.network.bridge.enable_icc=false`',
  routed: 'a network with `gateway_mode_ipv4=routed` (and ipv6)',
  open: 'a network with `gateway_mode_ipv4=nat-unprotected` (and ipv6)',
};

/** The table as documentation; UPDATE_GOLDEN=1 writes it. */
function renderPage(): string {
  const rows = SOURCES.map((source) => `| **${source}** | ${NETWORKS.map((target) => ALLOWED[source][target].join(', ') || '-').join(' | ')} |`);
  const toHost = SOURCES.filter((source) => source !== 'host').map((source) => {
    const cells = TO_HOST.map((path) => (ALLOWED[source].host.includes(path) ? 'yes' : source === 'outside' && path === 'own gateway' ? '' : '-'));
    return `| **${source}** | ${cells.join(' | ')} |`;
  });
  return `# Who can reach whom

Generated by test/network/isolation.test.ts, which tries every cell with real packets, over IPv4 and over IPv6; do not edit.

- **host**: the host itself; **outside**: another machine that routes the containers' addresses to the host
${NETWORKS.map((name) => `- **${name}**: ${DESCRIPTIONS[name]}`).join('\n')}

## Containers

Rows are where a packet comes from, columns the network of the container that it is for. *published*, *unpublished*: ports of the
container at its own address, with and without \`-p\`, TCP and UDP; *ping*: its own address; *host port*: the published port, TCP and
UDP, at the host's address on its uplink and at the gateway addresses of both networks. A dash: nothing.

| from \\ to | ${NETWORKS.join(' | ')} |
|---|${NETWORKS.map(() => '---').join('|')}|
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
${Object.keys(madeUp(4)).map((name) => `| ${name.replace(' as ', ' | ')} | ${madeUp(4)[name]!.join(', ') || '-'} | ${madeUp(6)[name]!.join(', ') || '-'} |`).join('\n')}

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

if (enterTestHost(import.meta.url)) {
  describe('isolation over IPv4', () => table(4));
  describe('isolation over IPv6', () => table(6));
  test('the documentation shows this table', () => {
    const path = fileURLToPath(new URL('../../docs/isolation.md', import.meta.url));
    if (process.env['UPDATE_GOLDEN']) writeFileSync(path, renderPage());
    assert.equal(readFileSync(path, 'utf8'), renderPage());
  });
}
