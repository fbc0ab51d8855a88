/**
 * The world of the isolation table: networks of every kind, bridges of another engine, another host, a server and a
 * client in each; and what may get through between them.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { deleteNetns } from '../../src/kernel/netns.ts';
import { foreignContainer, Lab, makeOtherHost, run } from './lab.ts';
import { Packets, type Question } from './packets.ts';

export const LOOPBACK_PORT = 8100;
export const LOOPBACK_SERVICE = 9001;
export const NETWORKS = ['default', 'a', 'b', 'inside', 'quiet', 'routed', 'open'] as const;
export type Network = (typeof NETWORKS)[number];
/** Bridges of other engines, that are there before this one turns forwarding on, and that come later. */
export const OTHERS = ['earlier', 'later'] as const;
type Other = (typeof OTHERS)[number];
export type Place = Network | Other;
export const PLACES = [...NETWORKS, ...OTHERS] as const;
export const SOURCES = [...PLACES, 'host', 'outside'] as const;
type Source = (typeof SOURCES)[number];

export type Path = 'published' | 'unpublished' | 'ping' | 'host port' | 'own gateway' | 'other gateways' | 'uplink';
const TO_CONTAINER: readonly Path[] = ['published', 'unpublished', 'ping', 'host port'];
export const TO_HOST: readonly Path[] = ['own gateway', 'other gateways', 'uplink'];
export const DIRECT: readonly Path[] = ['published', 'unpublished', 'ping'];

const NONE: readonly Path[] = [];
const ALL = TO_CONTAINER;
const MAPPED: readonly Path[] = ['host port'];
const OPENED: readonly Path[] = ['published', 'ping'];

/** What is not named must not get through. */
export const ALLOWED: Readonly<Record<Source, Readonly<Record<Place | 'host', readonly Path[]>>>> = {
  default: {
    default: ALL,
    a: MAPPED,
    b: MAPPED,
    inside: NONE,
    quiet: MAPPED,
    routed: OPENED,
    open: MAPPED,
    earlier: ALL,
    later: ALL,
    host: TO_HOST,
  },
  a: {
    default: MAPPED,
    a: ALL,
    b: MAPPED,
    inside: NONE,
    quiet: MAPPED,
    routed: OPENED,
    open: MAPPED,
    earlier: ALL,
    later: ALL,
    host: TO_HOST,
  },
  b: {
    default: MAPPED,
    a: MAPPED,
    b: ALL,
    inside: NONE,
    quiet: MAPPED,
    routed: OPENED,
    open: MAPPED,
    earlier: ALL,
    later: ALL,
    host: TO_HOST,
  },
  inside: {
    default: NONE,
    a: NONE,
    b: NONE,
    inside: DIRECT,
    quiet: NONE,
    routed: NONE,
    open: NONE,
    earlier: NONE,
    later: NONE,
    host: ['own gateway'],
  },
  quiet: {
    default: MAPPED,
    a: MAPPED,
    b: MAPPED,
    inside: NONE,
    quiet: MAPPED,
    routed: OPENED,
    open: MAPPED,
    earlier: ALL,
    later: ALL,
    host: TO_HOST,
  },
  routed: {
    default: MAPPED,
    a: MAPPED,
    b: MAPPED,
    inside: NONE,
    quiet: MAPPED,
    routed: DIRECT,
    open: MAPPED,
    earlier: ALL,
    later: ALL,
    host: TO_HOST,
  },
  open: {
    default: MAPPED,
    a: MAPPED,
    b: MAPPED,
    inside: NONE,
    quiet: MAPPED,
    routed: OPENED,
    open: ALL,
    earlier: ALL,
    later: ALL,
    host: TO_HOST,
  },
  earlier: {
    default: MAPPED,
    a: MAPPED,
    b: MAPPED,
    inside: NONE,
    quiet: MAPPED,
    routed: OPENED,
    open: ALL,
    earlier: ALL,
    later: ALL,
    host: TO_HOST,
  },
  later: {
    default: MAPPED,
    a: MAPPED,
    b: MAPPED,
    inside: NONE,
    quiet: MAPPED,
    routed: OPENED,
    open: ALL,
    earlier: ALL,
    later: ALL,
    host: TO_HOST,
  },
  host: {
    default: ALL,
    a: ALL,
    b: ALL,
    inside: DIRECT,
    quiet: ALL,
    routed: DIRECT,
    open: ALL,
    earlier: ALL,
    later: ALL,
    host: NONE,
  },
  outside: {
    default: MAPPED,
    a: MAPPED,
    b: MAPPED,
    inside: NONE,
    quiet: MAPPED,
    routed: OPENED,
    open: ALL,
    earlier: NONE,
    later: ALL,
    host: ['other gateways', 'uplink'],
  },
};

const OUTSIDE = '/run/isolation-outside';

/** Ports: of containers published and not, of the host's own servers. */
const PUBLISHED = 80;
export const UNPUBLISHED = 81;
export const SERVICE = 9000;

/** What of a container is asked for here: of ours or of another engine's. */
interface Guest {
  readonly netns: string;
  readonly endpoints: readonly { readonly ipv4: string; readonly ipv6: string }[];
}

const BRIDGES: Readonly<
  Record<
    Other,
    { readonly bridge: string; readonly subnet: string; readonly prefix6: string; readonly hostPort: number }
  >
> = {
  earlier: { bridge: 'br-0123456789ab', subnet: '10.88', prefix6: '2001:db8:88', hostPort: 8301 },
  later: { bridge: 'podman0', subnet: '10.89', prefix6: '2001:db8:89', hostPort: 8302 },
};

interface Probe {
  readonly path: Path;
  readonly question: Question;
}

export class World {
  readonly packets = new Packets();
  readonly servers = new Map<Place, { sandbox: Guest; hostPort: number }>();
  readonly clients = new Map<Place, Guest>();
  readonly #foreign: string[] = [];
  readonly lab: Lab;
  readonly outside = OUTSIDE;
  readonly version: 4 | 6;

  private constructor(lab: Lab, version: 4 | 6) {
    this.lab = lab;
    this.version = version;
  }

  static async build(version: 4 | 6): Promise<World> {
    for (const path of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) writeFileSync(`/proc/sys/net/${path}`, '0');
    // Before the engine, as on a machine: what comes later is let be where it did not forward.
    makeOtherHost(OUTSIDE);
    const earlier = makeOthers('earlier');
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
      const server = await lab.join(`${name}-server`, [network], {
        portBindings: { [`${PUBLISHED}/tcp`]: bindings, [`${PUBLISHED}/udp`]: [...bindings, ...more] },
      });
      world.servers.set(name, { sandbox: server, hostPort });
      world.clients.set(name, await lab.join(`${name}-client`, [network]));
      for (const port of [PUBLISHED, UNPUBLISHED]) world.#serve(server.netns, port, version === 4 ? '0.0.0.0' : '::');
    }
    world.#adopt('earlier', earlier);
    world.#adopt('later', makeOthers('later'));
    // No route leads out of an internal network. A container with CAP_NET_ADMIN makes itself one, so that does not
    // count.
    for (const sandbox of [world.servers.get('inside')!.sandbox, world.clients.get('inside')!]) {
      run(
        'nsenter',
        `--net=${sandbox.netns}`,
        'ip',
        `-${version}`,
        'route',
        'add',
        'default',
        'via',
        world.gateway('inside'),
      );
    }
    world.packets.serveUdp(undefined, LOOPBACK_SERVICE, world.loopback);
    // One server an address: a datagram is answered from where it was sent to.
    for (const address of [world.uplink, ...PLACES.map((name) => world.gateway(name))])
      world.#serve(undefined, SERVICE, address);
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

  /** Served and published, by rules of another engine. */
  #adopt(name: Other, [server, client]: readonly [Guest, Guest]): void {
    const { subnet, hostPort } = BRIDGES[name];
    this.servers.set(name, { sandbox: server, hostPort });
    this.clients.set(name, client);
    this.#foreign.push(server.netns, client.netns);
    for (const port of [PUBLISHED, UNPUBLISHED]) this.#serve(server.netns, port, this.version === 4 ? '0.0.0.0' : '::');
    const rules = (family: 'ip' | 'ip6', to: string, from: string) => {
      const publish = ['tcp', 'udp']
        .map((protocol) => `fib daddr type local ${protocol} dport ${hostPort} dnat to ${to}:${PUBLISHED};`)
        .join(' ');
      return `table ${family} ${name} { chain pre { type nat hook prerouting priority -100; ${publish} }; chain out { type nat hook output priority -100; ${publish} }; chain post { type nat hook postrouting priority 100; ${family} saddr ${from} ${family} daddr ${from} masquerade; }; }`;
    };
    const { prefix6 } = BRIDGES[name];
    for (const text of [
      rules('ip', this.#ipv4(server), `${subnet}.0.0/16`),
      rules('ip6', `[${server.endpoints[0]!.ipv6}]`, `${prefix6}::/64`),
    ]) {
      const { code, out } = run('nft', text);
      assert.equal(code, 0, out);
    }
  }

  #ipv4 = (guest: Guest): string => guest.endpoints[0]!.ipv4;

  gateway(name: Place): string {
    if (name in BRIDGES)
      return this.version === 4 ? `${BRIDGES[name as Other].subnet}.0.1` : `${BRIDGES[name as Other].prefix6}::1`;
    const { pools } = this.lab.network(name === 'default' ? 'bridge' : name);
    return pools.map((pool) => pool.gateway).find((address) => address.includes(':') === (this.version === 6))!;
  }

  address(sandbox: Guest): string {
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
  probes(source: Source, target: Place | 'host'): Probe[] {
    const from = this.netns(source);
    const both = (path: Path, to: string, port: number): Probe[] =>
      (['tcp', 'udp'] as const).map((protocol) => ({ path, question: { from, protocol, to, port } }));
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
    for (const netns of [...this.#foreign, OUTSIDE]) deleteNetns(netns);
    for (const link of ['uplink', ...Object.values(BRIDGES).map(({ bridge }) => bridge)])
      run('ip', 'link', 'del', link);
    run('nft', 'flush', 'ruleset');
  }
}

/** A server and a client on the bridge of another engine. */
function makeOthers(name: Other): readonly [Guest, Guest] {
  const { bridge, subnet, prefix6 } = BRIDGES[name];
  const make = (last: number): Guest => ({
    netns: foreignContainer({
      netns: `/run/isolation-${name}-${last}`,
      bridge,
      port: `veth${name}${last}`,
      gateway: `${subnet}.0.1`,
      address: `${subnet}.0.${last}`,
      prefix6,
    }),
    endpoints: [{ ipv4: `${subnet}.0.${last}`, ipv6: `${prefix6}::${last}` }],
  });
  return [make(2), make(3)];
}

const described = ({ protocol, to, port }: Question) => `${protocol} ${to}${port === undefined ? '' : ` port ${port}`}`;

/** The paths that got through, as a whole; one of which only some packets did is told with what they were. */
export async function tryCell(world: World, source: Source, target: Place | 'host'): Promise<string[]> {
  const outcomes = await Promise.all(
    world
      .probes(source, target)
      .map(async ({ path, question }) => ({ path, question, through: (await world.packets.ask(question)) !== '' })),
  );
  const paths = [...new Set(outcomes.map(({ path }) => path))];
  return paths.flatMap((path) => {
    const mine = outcomes.filter((outcome) => outcome.path === path);
    const through = mine.filter((outcome) => outcome.through);
    if (through.length === mine.length) return [path];
    return through.length === 0
      ? []
      : [`of ${path} only ${through.map(({ question }) => described(question)).join(', ')}`];
  });
}

/**
 * All at once, but that answers are read before the next is asked: patience does not run out while others are being
 * made.
 */
export async function eachCell(
  targets: readonly (Place | 'host')[],
  work: (source: Source, target: Place | 'host') => Promise<unknown>,
): Promise<void> {
  const begun: Promise<unknown>[] = [];
  for (const source of SOURCES) {
    for (const target of targets) {
      begun.push(work(source, target));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await Promise.all(begun);
}
