/**
 * Published ports over every path and protocol, and the address that the container sees: the tables of docs/paths.md,
 * each cell tried with real packets.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import type { Sandbox } from '../../src/network/service.ts';
import { enterTestHost } from './inside.ts';
import { Lab } from './lab.ts';
import { Packets, type Question } from './packets.ts';

const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;
const VERSIONS = [4, 6] as const;
type Column = `${(typeof PROTOCOLS)[number]} v${4 | 6}`;
const COLUMNS: readonly Column[] = PROTOCOLS.flatMap((protocol) =>
  VERSIONS.map((version): Column => `${protocol} v${version}`),
);

/** What the container sees: its client's own address, that of its network's gateway, or nobody, as nothing comes. */
type Seen = 'kept' | 'gateway' | '-' | '';
type Row = readonly [tcp4: Seen, tcp6: Seen, udp4: Seen, udp6: Seen, sctp4: Seen, sctp6: Seen];

const HOST_PORT = 8080;
const uplink = (version: 4 | 6) => (version === 4 ? '192.0.2.1' : '2001:db8::1');
const addressOf = (sandbox: Sandbox, version: 4 | 6) =>
  version === 4 ? sandbox.endpoints[0]!.ipv4 : sandbox.endpoints[0]!.ipv6;

class World {
  readonly packets = new Packets();
  readonly lab: Lab;
  readonly outside: string;
  readonly sandboxes = new Map<string, Sandbox>();
  /** The other host's interface. */
  readonly cable: number;

  private constructor(lab: Lab) {
    this.lab = lab;
    this.outside = lab.otherHost();
    const here = RouteSocket.open();
    const there = RouteSocket.open(this.outside);
    here.addAddress('uplink', `${LINK_LOCAL.host}/64`, { noDad: true });
    there.addAddress('eth0', `${LINK_LOCAL.outside}/64`, { noDad: true });
    this.cable = there.link('eth0')!.index;
    here.close();
    there.close();
  }

  /** `dual`: whether the network of the container with the ports has IPv6. */
  static async build(bridgeNetfilter: '0' | '1', dual: boolean): Promise<World> {
    for (const table of ['iptables', 'ip6tables'])
      writeFileSync(`/proc/sys/net/bridge/bridge-nf-call-${table}`, bridgeNetfilter);
    const world = new World(await Lab.start());
    const { lab, packets } = world;
    await lab.createNetwork('a', { enableIpv6: dual });
    await lab.createNetwork('b', { enableIpv6: true });
    const bindings = [{ hostIp: '', hostPort: String(HOST_PORT) }];
    await lab.createNetwork('c', { enableIpv6: dual });
    const web = await lab.join('web', ['a', 'c'], {
      portBindings: Object.fromEntries(PROTOCOLS.map((protocol) => [`80/${protocol}`, bindings])),
    });
    world.sandboxes.set('web', web);
    world.sandboxes.set('neighbour', await lab.join('neighbour', ['a']));
    world.sandboxes.set('friend', await lab.join('friend', ['c']));
    world.sandboxes.set('stranger', await lab.join('stranger', ['b']));
    for (const version of dual ? VERSIONS : [4 as const]) {
      const any = version === 4 ? '0.0.0.0' : '::';
      packets.serveTcp(web.netns, 80, any);
      packets.serveUdp(web.netns, 80, any);
      packets.serveSctp(web.netns, 80, version);
    }
    return world;
  }

  gateway(network: string, version: 4 | 6): string {
    return (
      this.lab
        .network(network)
        .pools.map(({ gateway }) => gateway)
        .find((address) => address.includes(':') === (version === 6)) ?? ''
    );
  }

  netns(name: string): string {
    return this.sandboxes.get(name)!.netns;
  }

  address(name: string, version: 4 | 6): string {
    return addressOf(this.sandboxes.get(name)!, version);
  }

  async stop(): Promise<void> {
    this.packets.close();
    await this.lab.stop();
  }
}

interface Path {
  readonly name: string;
  /** Undefined: there is no such path over that version. */
  readonly ask: (
    world: World,
    version: 4 | 6,
  ) => (Pick<Question, 'from' | 'to' | 'source' | 'scopeId'> & { readonly client: string }) | undefined;
  readonly seen: Row;
}

const KEPT: Row = ['kept', 'kept', 'kept', 'kept', 'kept', 'kept'];
const GATEWAY: Row = ['gateway', 'gateway', 'gateway', 'gateway', 'gateway', 'gateway'];

const fromOutside = (world: World, version: 4 | 6) => ({
  from: world.outside,
  to: uplink(version),
  client: version === 4 ? '192.0.2.2' : '2001:db8::2',
});
const fromContainer =
  (name: string, to: (world: World, version: 4 | 6) => string) => (world: World, version: 4 | 6) => ({
    from: world.netns(name),
    to: to(world, version),
    client: world.address(name, version),
  });
const ofNetwork = (network: string) => (world: World, version: 4 | 6) => world.gateway(network, version);

const LINK_LOCAL = { host: 'fe80::1', outside: 'fe80::2' } as const;

const PATHS: readonly Path[] = [
  { name: 'another host', ask: fromOutside, seen: KEPT },
  {
    name: "another host, at the host's link-local address",
    ask: (world, version) =>
      version === 4
        ? undefined
        : {
            from: world.outside,
            to: LINK_LOCAL.host,
            client: LINK_LOCAL.outside,
            source: LINK_LOCAL.outside,
            scopeId: world.cable,
          },
    seen: ['', 'gateway', '', 'gateway', '', '-'],
  },
  {
    name: 'the host, at its own address',
    ask: (_, version) => ({ from: undefined, to: uplink(version), client: uplink(version) }),
    seen: KEPT,
  },
  {
    name: "the host, at the network's gateway address",
    ask: (world, version) => ({
      from: undefined,
      to: world.gateway('a', version),
      client: world.gateway('a', version),
    }),
    seen: KEPT,
  },
  {
    name: 'the host, at 127.0.0.1 or [::1]',
    ask: (_, version) => ({ from: undefined, to: version === 4 ? '127.0.0.1' : '::1', client: '' }),
    seen: ['gateway', 'gateway', 'gateway', 'gateway', 'gateway', '-'],
  },
  {
    name: 'the host, at another loopback address',
    ask: (_, version) => (version === 4 ? { from: undefined, to: '127.1.2.3', client: '' } : undefined),
    seen: ['gateway', '', 'gateway', '', 'gateway', ''],
  },
  {
    name: "the container itself, at the host's address",
    ask: fromContainer('web', (_, version) => uplink(version)),
    seen: GATEWAY,
  },
  { name: 'the container itself, at its gateway', ask: fromContainer('web', ofNetwork('a')), seen: GATEWAY },
  { name: 'a neighbour', ask: fromContainer('neighbour', (_, version) => uplink(version)), seen: GATEWAY },
  {
    name: 'a neighbour on another of its networks',
    ask: fromContainer('friend', (_, version) => uplink(version)),
    seen: GATEWAY,
  },
  {
    name: "a container of another network, at the host's address",
    ask: fromContainer('stranger', (_, version) => uplink(version)),
    seen: KEPT,
  },
  {
    name: 'a container of another network, at its own gateway',
    ask: fromContainer('stranger', ofNetwork('b')),
    seen: KEPT,
  },
  {
    name: 'a container of another network, at the other gateway',
    ask: fromContainer('stranger', ofNetwork('a')),
    seen: KEPT,
  },
];

/**
 * Bridged answers pass connection tracking: what a neighbour is answered comes back through the translation by itself.
 */
const WITH_BRIDGE_NETFILTER: readonly Path[] = PATHS.filter(({ name }) => name === 'a neighbour').map((path) => ({
  ...path,
  seen: KEPT,
}));

/** The container has no IPv6: a relay in the engine passes on what comes over it. */
const WITHOUT_IPV6: readonly Path[] = PATHS.filter(({ name }) =>
  [
    'another host',
    'the host, at its own address',
    'the host, at 127.0.0.1 or [::1]',
    "a container of another network, at the host's address",
  ].includes(name),
).map((path) => ({ ...path, seen: [path.seen[0], 'gateway', path.seen[2], 'gateway', path.seen[4], '-'] }));

function paths(list: readonly Path[], bridgeNetfilter: '0' | '1', dual: boolean): void {
  let world: World;
  const found = new Map<string, string[]>();
  before(async () => {
    world = await World.build(bridgeNetfilter, dual);
    await Promise.all(
      list.map(async (path) => {
        const cells = PROTOCOLS.flatMap((protocol) =>
          VERSIONS.map(async (version) => {
            const question = path.ask(world, version);
            if (!question) return '';
            const { client, ...rest } = question;
            const source = await world.packets.ask({ ...rest, protocol, port: HOST_PORT });
            if (source === '') return '-';
            // Relayed ones come over the version that the container has.
            if (source === world.gateway('a', version) || (!dual && source === world.gateway('a', 4)))
              return client === source ? 'kept' : 'gateway';
            return source === client ? 'kept' : source;
          }),
        );
        found.set(path.name, await Promise.all(cells));
      }),
    );
  });
  after(() => world.stop());
  for (const path of list) test(path.name, () => assert.deepEqual(found.get(path.name), path.seen));
}

function tableOf(list: readonly Path[]): string {
  const rows = list.map(({ name, seen }) => `| ${name} | ${seen.join(' | ')} |`);
  return `| from | ${COLUMNS.join(' | ')} |\n|---|${COLUMNS.map(() => '---').join('|')}|\n${rows.join('\n')}\n`;
}

/** The tables as documentation; UPDATE_GOLDEN=1 writes it. */
function renderPage(): string {
  return `# Paths to published ports

Generated by test/network/paths.test.ts, which tries every cell with real packets; do not edit.

## Who the container sees

For \`-p ${HOST_PORT}:80\`, \`-p ${HOST_PORT}:80/udp\` and \`-p ${HOST_PORT}:80/sctp\` of a container on a network with IPv4 and IPv6. *kept*: the container sees its
client's own address; *gateway*: that of its network's gateway, which is the host; a dash: nothing comes through.

${tableOf(PATHS)}
Where the address is not kept, the kernel cannot keep it:

- What comes from 127.0.0.1 leaves the host's loopback with an address that can be answered. \`::1\` and link-local addresses cannot leave their link at all: a
  relay in the engine, without a process of its own, serves them, TCP and UDP. No relay speaks SCTP. It cannot refuse a TCP client as the container would, and tries for a second to reach a program that
  does not listen yet; then the client is reset. What the kernel forwards is refused at once.
- A container that calls itself would answer itself, past the host. A neighbour, on whatever network, would be answered past the host too; where the host has bridged packets pass its
  filters (\`net.bridge.bridge-nf-call-iptables=1\`), it is not, and the address is kept:

${tableOf(WITH_BRIDGE_NETFILTER)}
## To a container without IPv6

The ports are open at the host's IPv6 addresses as well; the relay passes on what comes there.

${tableOf(WITHOUT_IPV6)}`;
}

if (enterTestHost()) {
  describe('every path', () => paths(PATHS, '0', true));
  describe('bridged packets pass the filters', () => paths(WITH_BRIDGE_NETFILTER, '1', true));
  describe('to a container without IPv6', () => paths(WITHOUT_IPV6, '0', false));
  test('the documentation shows these tables', () => {
    const path = fileURLToPath(new URL('../../docs/paths.md', import.meta.url));
    if (process.env['UPDATE_GOLDEN']) writeFileSync(path, renderPage());
    assert.equal(readFileSync(path, 'utf8'), renderPage());
  });
}
