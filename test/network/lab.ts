/**
 * A small world for tests of the network service: the host is the namespace that the process is in, containers are the
 * service's sandboxes, and another host hangs on a cable. Servers answer with the address that they saw.
 */
import { spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, type Log } from '../../src/base/log.ts';
import { patchZone, type ResolverChange } from '../../src/base/dns-zone.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { createNetns, deleteNetns } from '../../src/kernel/netns.ts';
import { openTcpListener, openUdpSocket } from '../../src/kernel/socket.ts';
import { EMPTY_ENDPOINT_SPEC, type EndpointSpec } from '../../src/model/endpoint.ts';
import { newId } from '../../src/model/ids.ts';
import { EMPTY_NETWORK_SPEC, type NetworkRecord, type NetworkSpec } from '../../src/model/network.ts';
import type { Connection } from '../../src/model/container.ts';
import {
  createNetworkService,
  type NetworkService,
  type JoinRequest,
  type KnownContainer,
  type NetworkConfig,
  type NetworkStore,
  type Repair,
  type Resolver,
  type Sandbox,
  type SandboxRecord,
} from '../../src/network/service.ts';

/**
 * What a lab's store and resolver have in common: they answer in the order in which they were asked, each after as many
 * turns of the loop as `turns` says.
 */
abstract class Neighbour {
  turns: () => number = () => 1;
  failNext: Error | undefined;
  #last: Promise<unknown> = Promise.resolve();

  protected answer(work: () => void): Promise<void> {
    const answered = Promise.all([this.#last, this.#pass(this.turns())]).then(work);
    this.#last = answered.catch(() => {});
    return answered;
  }

  async #pass(turns: number): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  protected failIfAsked(): void {
    const error = this.failNext;
    this.failNext = undefined;
    if (error) throw error;
  }
}

/** A store in memory: what was committed is what a new service would load. JSON, as a real one keeps it. */
class MemoryStore extends Neighbour implements NetworkStore {
  readonly networks = new Map<string, string>();
  readonly sandboxes = new Map<string, string>();
  /** Changes that are refused for ever. */
  refuses: (change: Parameters<NetworkStore['commit']>[0]) => boolean = () => false;
  committedBytes = 0;

  load() {
    return {
      networks: [...this.networks.values()].map((text) => JSON.parse(text) as NetworkRecord),
      sandboxes: [...this.sandboxes.values()].map((text) => JSON.parse(text) as SandboxRecord),
    };
  }

  commit(change: Parameters<NetworkStore['commit']>[0]): Promise<void> {
    this.committedBytes += JSON.stringify(change).length;
    return this.answer(() => {
      this.failIfAsked();
      if (this.refuses(change)) throw new Error('refused');
      for (const record of change.putNetworks ?? []) this.networks.set(record.id, JSON.stringify(record));
      for (const id of change.removeNetworks ?? []) this.networks.delete(id);
      for (const record of change.putSandboxes ?? [])
        this.sandboxes.set(record.sandbox.containerId, JSON.stringify(record));
      for (const id of change.removeSandboxes ?? []) this.sandboxes.delete(id);
    });
  }
}

/** Keeps what a resolver would answer from. One that fails has been told all the same, as the daemon's (contract.ts). */
class RecordedResolver extends Neighbour implements Resolver {
  readonly zones = new Map<string, Extract<ResolverChange, { op: 'put-network' }>['zone']>();
  readonly views = new Map<string, Extract<ResolverChange, { op: 'put-sandbox' }>['view']>();
  receivedBytes = 0;

  apply(changes: ResolverChange[]): Promise<void> {
    const told = structuredClone(changes);
    this.receivedBytes += JSON.stringify(changes).length;
    return this.answer(() => {
      for (const change of told) {
        if (change.op === 'put-network') this.zones.set(change.zone.id, change.zone);
        const zone = change.op === 'patch-network' ? this.zones.get(change.patch.id) : undefined;
        if (change.op === 'patch-network' && zone) patchZone(zone, change.patch);
        if (change.op === 'remove-network') this.zones.delete(change.id);
        if (change.op === 'put-sandbox') this.views.set(change.view.id, change.view);
        if (change.op === 'remove-sandbox') this.views.delete(change.id);
      }
      this.failIfAsked();
    });
  }
}

export interface Ran {
  readonly code: number;
  readonly out: string;
}

/**
 * `out`: also what it complains of, where it fails. Where it does not, that depends on others: `ip` looks at all files
 * in /run/netns, and complains of those that come and go.
 */
export function run(file: string, ...args: string[]): Ran {
  const result = spawnSync(file, args, { encoding: 'utf8', timeout: 120_000 });
  return { code: result.status ?? 128, out: result.status === 0 ? result.stdout : `${result.stdout}${result.stderr}` };
}

/** One that is there before the engine is. */
export function makeOtherHost(netns: string): void {
  createNetns(netns);
  const here = RouteSocket.open();
  const there = RouteSocket.open(netns);
  try {
    here.addVeth({ name: 'uplink', peerName: 'eth0', peerNetns: netns, up: true });
    here.addAddress('uplink', '192.0.2.1/24');
    here.addAddress('uplink', '2001:db8::1/64', { noDad: true });
    there.setLink('lo', { up: true });
    there.setLink('eth0', { up: true });
    there.addAddress('eth0', '192.0.2.2/24');
    there.addAddress('eth0', '2001:db8::2/64', { noDad: true });
    there.addRoute({ gateway: '192.0.2.1' });
    there.addRoute({ gateway: '2001:db8::1' });
  } finally {
    here.close();
    there.close();
  }
}

/**
 * A container or machine of another engine: a namespace on one of its bridges, which is made if need be. IPv6 where the
 * subnet's prefix is given.
 */
export function foreignContainer(options: {
  netns: string;
  bridge: string;
  port: string;
  gateway: string;
  address: string;
  prefix6?: string;
}): string {
  const { netns, bridge, port, gateway, address, prefix6 } = options;
  createNetns(netns);
  const [here, there] = [RouteSocket.open(), RouteSocket.open(netns)];
  try {
    if (!here.link(bridge)) {
      here.addBridge(bridge, { up: true });
      here.addAddress(bridge, `${gateway}/16`);
      if (prefix6) here.addAddress(bridge, `${prefix6}::1/64`, { noDad: true });
    }
    here.addVeth({ name: port, peerName: 'eth0', peerNetns: netns, master: bridge, up: true });
    there.setLink('lo', { up: true });
    there.setLink('eth0', { up: true });
    there.addAddress('eth0', `${address}/16`);
    there.addRoute({ gateway });
    if (!prefix6) return netns;
    there.addAddress('eth0', `${prefix6}::${address.split('.').at(-1)}/64`, { noDad: true });
    there.addRoute({ gateway: `${prefix6}::1` });
  } catch (error) {
    deleteNetns(netns);
    throw error;
  } finally {
    here.close();
    there.close();
  }
  return netns;
}

/** Its interface goes at once: those of a namespace go when the kernel finds the time, and hold their names till then. */
export function removeForeignContainer({ netns, port }: { netns: string; port: string }): void {
  run('ip', 'link', 'del', port);
  deleteNetns(netns);
}

export class Lab {
  readonly dir = mkdtempSync(join(tmpdir(), 'causeway-network-'));
  readonly store = new MemoryStore();
  readonly resolver = new RecordedResolver();
  readonly config: NetworkConfig;
  service: NetworkService;
  /** What the services put back, from their start on. */
  readonly repairs: Repair[] = [];
  readonly #servers: (Server | Socket)[] = [];
  readonly #otherHosts: string[] = [];

  readonly #log: Log;

  private constructor(config: Partial<NetworkConfig>, log: Log) {
    this.#log = log;
    this.config = {
      hostId: 'lab',
      execRoot: this.dir,
      stateDir: this.dir,
      bridgeName: '',
      defaultBridgeName: '',
      dockerInstalled: false,
      bip: '',
      fixedCidr: '',
      bip6: '',
      fixedCidrV6: '',
      defaultGateway: '',
      defaultGatewayV6: '',
      networkOptions: {},
      addressPools: [],
      dns: [],
      dnsSearch: [],
      dnsOptions: [],
      icc: true,
      ipv6: false,
      mtu: 1500,
      hostBindingIp: '0.0.0.0',
      hostGatewayIps: [],
      dnsTtlS: 5,
      ipMasq: true,
      ipForward: true,
      firewallIntegration: true,
      ip6tablesWay: true,
      directRouting: false,
      inputPolicy: false,
      hostResolvConf: '/etc/resolv.conf',
      stubResolvConf: '/run/systemd/resolve/resolv.conf',
      ...config,
    };
    run('ip', 'link', 'set', 'lo', 'up');
    this.service = this.#newService();
  }

  static async start(config: Partial<NetworkConfig> = {}, log = silentLog): Promise<Lab> {
    const lab = new Lab(config, log);
    await lab.service.restore(new Set());
    return lab;
  }

  #newService(): NetworkService {
    const service = createNetworkService({
      config: this.config,
      store: this.store,
      resolver: this.resolver,
      log: this.#log,
    });
    service.onRepair((repair) => this.repairs.push(repair));
    return service;
  }

  /** As after kill -9: nothing was shut down, another process has only the store. Held ports go with the process. */
  async restart(
    live: Iterable<string> = this.store.sandboxes.keys(),
    known: Iterable<KnownContainer> = [],
  ): Promise<void> {
    await this.service.shutdown();
    this.service = this.#newService();
    await this.service.restore(new Set(live), known);
  }

  /** While nobody looks after the host: what is taken away stays away, until the work is done. */
  async withoutEngine(work: () => Promise<void>): Promise<void> {
    await this.service.shutdown();
    try {
      await work();
    } finally {
      this.service = this.#newService();
      await this.service.restore(new Set(this.store.sandboxes.keys()));
    }
  }

  network(name: string): NetworkRecord {
    const found = this.service.networks().find((network) => network.name === name);
    if (!found) throw new Error(`no network ${name}`);
    return found;
  }

  async createNetwork(name: string, spec: Partial<NetworkSpec> = {}): Promise<NetworkRecord> {
    return (await this.service.createNetwork({ ...EMPTY_NETWORK_SPEC, name, ...spec })).record;
  }

  connection(network: string, spec: Partial<EndpointSpec> = {}): Connection {
    const record = this.network(network);
    return { networkId: record.id, networkName: record.name, spec: { ...EMPTY_ENDPOINT_SPEC, ...spec } };
  }

  request(name: string, networks: readonly (string | Connection)[], more: Partial<JoinRequest> = {}): JoinRequest {
    const containerId = more.containerId ?? newId();
    return {
      containerId,
      containerName: name,
      hostname: containerId.slice(0, 12),
      domainname: '',
      mode: 'networks',
      connections: networks.map((network) => (typeof network === 'string' ? this.connection(network) : network)),
      exposedPorts: [],
      portBindings: {},
      publishAllPorts: false,
      dns: [],
      dnsSearch: [],
      dnsOptions: [],
      extraHosts: [],
      links: [],
      macAddress: '',
      sysctls: {},
      files: {
        hosts: join(this.dir, `${name}.hosts`),
        resolvConf: join(this.dir, `${name}.resolv`),
        hostname: join(this.dir, `${name}.hostname`),
      },
      ...more,
    };
  }

  join(name: string, networks: readonly (string | Connection)[], more: Partial<JoinRequest> = {}): Promise<Sandbox> {
    return this.service.join(this.request(name, networks, more));
  }

  /** Another host: 192.0.2.2 and 2001:db8::2 on a cable to this one, which is 192.0.2.1 and its default gateway. */
  otherHost(): string {
    const netns = join(this.dir, `outside-${this.#otherHosts.length}`);
    makeOtherHost(netns);
    this.#otherHosts.push(netns);
    return netns;
  }

  /** An HTTP server in a namespace that answers with the address of its client. */
  serveTcp(netns: string | undefined, port: number, address = '::'): void {
    const server = createServer((request, response) => response.end(plain(request.socket.remoteAddress ?? '')));
    server.keepAliveTimeout = 1;
    server.listen({ fd: openTcpListener({ netns, address, port }) });
    this.#servers.push(server);
    if (address === '::') this.serveTcp(netns, port, '0.0.0.0');
  }

  serveUdp(netns: string | undefined, port: number, version: 4 | 6 = 4): void {
    const socket = createSocket({ type: version === 4 ? 'udp4' : 'udp6' });
    socket.on('message', (_, from) => socket.send(plain(from.address), from.port, from.address));
    socket.bind({ fd: openUdpSocket({ netns, address: version === 4 ? '0.0.0.0' : '::', port }) });
    this.#servers.push(socket);
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) server.close();
    await this.service.removeEverything();
    await this.service.shutdown();
    // Not left to the kernel, which clears a namespace later: the next lab wants the name.
    if (this.#otherHosts.length > 0) run('ip', 'link', 'del', 'uplink');
    for (const netns of this.#otherHosts) deleteNetns(netns);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const plain = (address: string): string => address.replace(/^::ffff:/, '');

const bracket = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** Of a server that is there: it and the asking program may get no processor for long. */
const ANSWER_S = 30;

/**
 * What a server at the address says of the client, or '' where nobody answers: the kernel does not take the connection
 * within `seconds`. Does not block this process.
 */
export async function askTcp(
  netns: string | undefined,
  address: string,
  port: number,
  options: { source?: string; seconds?: number } = {},
): Promise<string> {
  const args = [
    'curl',
    '-s',
    '-g',
    '--connect-timeout',
    String(options.seconds ?? 1.5),
    '--max-time',
    String(ANSWER_S),
    ...(options.source ? ['--interface', options.source] : []),
    `http://${bracket(address)}:${port}/`,
  ];
  return (await runIn(netns, args)).trim();
}

/** `seconds`: how long nobody may answer before that is the result. */
export async function askUdp(
  netns: string | undefined,
  address: string,
  port: number,
  { seconds = ANSWER_S } = {},
): Promise<string> {
  const program =
    'use IO::Socket::IP; my $s = IO::Socket::IP->new(PeerHost=>$ARGV[0],PeerPort=>$ARGV[1],Proto=>"udp") or exit 1; $s->send("hello"); alarm $ARGV[2]; $s->recv(my $r,200); print $r';
  return (await runIn(netns, ['perl', '-e', program, address, String(port), String(seconds)])).trim();
}

export async function ping(netns: string | undefined, address: string): Promise<boolean> {
  return /\b1 received/.test(await runIn(netns, ['ping', '-c', '1', '-W', '3', address]));
}

async function runIn(netns: string | undefined, args: readonly string[]): Promise<string> {
  const { runProgram } = await import('../../src/base/program.ts');
  const [file = '', ...rest] = netns === undefined ? args : ['nsenter', `--net=${netns}`, ...args];
  return (await runProgram(file, rest)).stdout;
}
