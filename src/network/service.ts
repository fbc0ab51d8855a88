/**
 * The network room's one door. Promises: an operation either happens as a whole (kernel, files, DNS, store) or leaves
 * nothing behind; when it resolves, everything that a container or a user can see of it is already so; what the store
 * holds is enough to make all of it again. Operations on one container run one after another; the kernel's part of each is
 * one synchronous block, so operations on different containers never see each other half done.
 */
import { conflict, errorMessage, forbidden, invalid, throwCollected } from '../base/errors.ts';
import { KeyedLock } from '../base/keyed-lock.ts';
import { withUndo, type UndoStack } from '../base/undo.ts';
import { RouteSocket, type LinkStatistics } from '../kernel/netlink/route-socket.ts';
import type { Connection, Link } from '../model/container.ts';
import { endpointAddresses, type Endpoint } from '../model/endpoint.ts';
import type { NetworkRecord, NetworkSpec } from '../model/network.ts';
import type { Port, PublishedPort } from '../model/port.ts';
import { allotEndpoint, allotPorts, allotSandbox, checkConnection, releaseAddresses, withEndpoints } from './operations/allocate.ts';
import { applyChange, completeTearDown, viewChange } from './operations/change.ts';
import { livingSharers } from './files/container-files.ts';
import { bridgesOf, createCore, networkOf, type NetworkCore, type NetworkServiceDeps } from './operations/core.ts';
import { driverNamed } from './plan/drivers/registry.ts';
import { followHostServers } from './operations/host-servers.ts';
import { openInputGate } from './host/input-gate.ts';
import type { PoolUsage } from './ipam/ipam.ts';
import { leaveSandbox } from './operations/leave.ts';
import { dnsNamesFor } from './table/dns-names.ts';
import { publishMore, unpublish } from './operations/publish.ts';
import { NetworkAdmin } from './operations/networks.ts';
import { namespaceOn } from './plan/network-policy.ts';
import { assignPublished, publishedOf } from './table/published.ts';
import type { JoinLink, JoinRequest, Sandbox, SandboxRecord } from './table/sandbox.ts';
import type { WantedPort } from './ports/port-request.ts';
import { Repairer, type Repair, type Warning } from './operations/repair.ts';
import type { KnownContainer } from './dns/resolution.ts';
import { Restorer } from './operations/restore.ts';
import { beforeDisconnectSteps, connectSteps, detachSteps, forgetSteps, joinSteps } from './plan/sandbox-steps.ts';

export type { NetworkConfig, NetworkStore, Resolver, ResolverChange } from './contract.ts';
export type { NetworkServiceDeps } from './operations/core.ts';
export type { JoinRequest, Sandbox, SandboxRecord } from './table/sandbox.ts';
export type { Repair, Warning } from './operations/repair.ts';
export type { KnownContainer } from './dns/resolution.ts';

export class NetworkService {
  readonly #core: NetworkCore;
  readonly #admin: NetworkAdmin;
  readonly #locks = new KeyedLock();
  #repairer: Repairer | undefined;
  #hostServers: { close(): void } | undefined;
  #inputGate: { close(): void } | undefined;
  #onRepair: (repair: Repair) => void = () => {};
  #onWarning: (warning: Warning) => void = () => {};

  constructor(deps: NetworkServiceDeps) {
    this.#core = createCore(deps);
    this.#admin = new NetworkAdmin(this.#core);
  }

  // ---- the whole

  /**
   * Makes the kernel match the store; before it nothing else may be called. `live`: containers whose sandbox stays. `known`:
   * all that exist. They are said together, so that the resolver, which served meanwhile, forgets none of their names.
   */
  async restore(live: ReadonlySet<string>, known: Iterable<KnownContainer> = []): Promise<void> {
    if (this.#core.config.inputPolicy) this.#inputGate = openInputGate(this.#core.log);
    await new Restorer(this.#core, this.#admin).restore(live);
    const { resolution, resolver, table, way } = this.#core;
    if (way.enabled) await way.patiently(way.follow(() => bridgesOf(this.#core)));
    else await way.patiently(way.remove({ permanent: true }));
    for (const container of known) {
      this.#keepAddresses(undefined, container);
      resolution.remember(container);
    }
    const changes = resolution.zoneChanges(table.networks().map((network) => network.id));
    for (const record of table.sandboxes()) if (record.resolverPort > 0) changes.push(viewChange(this.#core, record));
    // One container whose names cannot be served is no reason to leave all the others without a daemon.
    if (changes.length > 0) await resolver.apply(changes).catch((error: unknown) => this.#core.log.error({ error: errorMessage(error) }, 'restoring names'));
    this.#hostServers = followHostServers(this.#core);
    this.#repairer = new Repairer(this.#core, this.#admin, { onRepair: (repair) => this.#onRepair(repair), onWarning: (warning) => this.#onWarning(warning) });
    this.#repairer.lookAtAllEndpoints();
  }

  /** Who is told what was put back after somebody else took it away. */
  onRepair(listener: (repair: Repair) => void): void {
    this.#onRepair = listener;
  }

  /** Who is told what somebody else did to a network that stays as it is. */
  onWarning(listener: (warning: Warning) => void): void {
    this.#onWarning = listener;
  }

  /** Containers keep their networks; only what this process holds is let go. */
  async shutdown(): Promise<void> {
    this.#repairer?.close();
    this.#hostServers?.close();
    this.#inputGate?.close();
    this.#core.lateFiles.close();
    await this.#core.departures.settle();
    for (const record of this.#core.table.sandboxes()) this.#core.ports.release(record.id);
    // Where nobody is left who needs it, nothing of ours stays in rules of others.
    if (this.#core.table.sandboxes().length === 0) await this.#core.way.patiently(this.#core.way.remove({ permanent: false }));
    await this.#core.way.close();
    this.#core.staleFlows.flush();
    this.#core.announcer.close();
    this.#core.firewall.close();
    this.#core.reaper.close();
    this.#core.route.close();
  }

  /** Every sandbox, every network of ours and the firewall table, from the kernel and from the store. */
  async removeEverything(): Promise<void> {
    const { table, firewall, way } = this.#core;
    this.#repairer?.close();
    const errors: unknown[] = [];
    const collect = (error: unknown) => void errors.push(error);
    for (const record of table.sandboxes()) await this.leave(record.sandbox.containerId).catch(collect);
    for (const network of table.networks()) await this.#admin.destroy(network).catch(collect);
    await way.remove({ permanent: true });
    try {
      firewall.remove();
    } catch (error) {
      collect(error);
    }
    throwCollected('removing all networks', errors);
  }

  /** What is wrong with the host, in sentences for `info`. */
  async hostWarnings(): Promise<string[]> {
    return this.#admin.hostWarnings();
  }

  // ---- networks

  /** Throws Docker's refusals; `warnings` name options that have no effect. */
  async createNetwork(spec: NetworkSpec): Promise<{ record: NetworkRecord; warnings: string[] }> {
    return this.#admin.create(spec);
  }

  /** Throws `notFound`, or `forbidden` while containers are connected. */
  async removeNetwork(id: string): Promise<void> {
    await this.#admin.remove(id);
  }

  networks(): NetworkRecord[] {
    return this.#core.table.networks();
  }

  endpoints(networkId: string): Endpoint[] {
    return this.#core.table.endpoints(networkId);
  }

  /** Undefined also where there is but a namespace that is kept for others. */
  sandbox(containerId: string): Sandbox | undefined {
    const record = this.#core.table.sandbox(containerId);
    return record?.parked ? undefined : record?.sandbox;
  }

  /** A running container as its network knows it: name, connections and links as they are now. */
  request(containerId: string): JoinRequest | undefined {
    const record = this.#core.table.sandbox(containerId);
    return record?.parked ? undefined : record?.request;
  }

  // ---- containers that exist

  /** Refuses, in Docker's words, what can never be connected like that. Takes nothing. */
  checkConnection(connection: Connection): void {
    checkConnection(this.#core, connection);
  }

  /**
   * Says that a container exists, with its name and wanted connections (again at every change): its names are answered
   * empty while it does not run, and the addresses that it asked for are kept for it.
   */
  async remember(container: KnownContainer): Promise<void> {
    const { resolution, resolver } = this.#core;
    const before = resolution.known(container.containerId);
    this.#keepAddresses(before, container);
    resolution.remember(container);
    const changes = resolution.containerChanges(container.containerId);
    if (changes.length > 0) await resolver.apply(changes);
  }

  /** The container is no more. */
  async forget(containerId: string): Promise<void> {
    const { resolution, resolver } = this.#core;
    const before = resolution.known(containerId);
    if (!before) return;
    this.#keepAddresses(before, undefined);
    resolution.forget(containerId);
    const changes = resolution.containerChanges(containerId);
    if (changes.length > 0) await resolver.apply(changes);
  }

  /** A container whose health check fails is withdrawn from names that healthy ones share with it. */
  async setHealth(containerId: string, healthy: boolean): Promise<void> {
    const { resolution, resolver } = this.#core;
    const changes = resolution.healthChanges(containerId, healthy);
    if (changes.length > 0) await resolver.apply(changes);
  }

  // ---- containers that run

  /** Makes a container's namespace with all its connections, ports, names and files; one that was kept for others is used again. */
  async join(request: JoinRequest): Promise<Sandbox> {
    return this.#exclusively(request.containerId, async (undo) => {
      const { table, facts, resolution, departures } = this.#core;
      const kept = table.sandbox(request.containerId);
      if (kept && !kept.parked) throw conflict(`container ${request.containerId} has a network sandbox already`);
      const next = allotSandbox(this.#core, request, undo, kept);
      const departing = departures.of(next.sandbox.endpoints);
      if (departing) await departing;
      resolution.remember(request);
      await applyChange(this.#core, undo, { containerId: request.containerId, next, steps: joinSteps(next, kept, table, facts) });
      return next.sandbox;
    });
  }

  /** Takes a container's networking down, all of it, whatever fails on the way; nothing there is fine. */
  async leave(containerId: string): Promise<void> {
    await this.#locks.run(containerId, async () => {
      const record = this.#core.table.sandbox(containerId);
      if (record) await leaveSandbox(this.#core, record, { park: false });
    });
  }

  /**
   * The container has ended, and others share its namespace: all of its networking goes but the namespace, into which it comes
   * back with the next `join`.
   */
  async park(containerId: string): Promise<void> {
    await this.#locks.run(containerId, async () => {
      const record = this.#core.table.sandbox(containerId);
      if (record && !record.parked) await leaveSandbox(this.#core, record, { park: record.sandbox.netns !== '' });
    });
  }

  /** The last of those who shared the namespace has ended: where it was kept for them only, it goes. */
  async releaseParked(containerId: string): Promise<void> {
    await this.#locks.run(containerId, async () => {
      const record = this.#core.table.sandbox(containerId);
      if (record?.parked) await leaveSandbox(this.#core, record, { park: false });
    });
  }

  /**
   * The container starts again and finds its networking as it left it, since others share it. Connections stay as they are;
   * the rest is as the request says.
   */
  async rejoin(request: JoinRequest): Promise<Sandbox> {
    return this.#exclusively(request.containerId, async (undo) => {
      const record = this.#record(request.containerId);
      const next: SandboxRecord = { ...record, pid: 0, request: { ...request, connections: record.request.connections } };
      this.#rememberAgain(next.request, record.request, undo);
      await applyChange(this.#core, undo, { containerId: request.containerId, next, steps: [] });
      return record.sandbox;
    });
  }

  /** Connects a running container to one more network. */
  async connect(containerId: string, connection: Connection): Promise<Endpoint> {
    return this.#exclusively(containerId, async (undo) => {
      const { table, facts, departures } = this.#core;
      const network = networkOf(this.#core, connection.networkId);
      const added = this.#allotConnection(containerId, connection, network, undo);
      await departures.of([added]);
      const record = this.#record(containerId);
      const { sandbox, request } = record;
      const endpoints = [...sandbox.endpoints, added];
      const ports = allotPorts(this.#core, { sandboxId: sandbox.id, request, endpoints, held: publishedOf(sandbox.endpoints) }, undo);
      const connected: JoinRequest = { ...request, connections: [...request.connections, connection] };
      const next = withEndpoints(this.#core, { ...record, request: connected }, assignPublished(endpoints, ports));
      const endpoint = next.sandbox.endpoints.at(-1)!;
      this.#rememberAgain(connected, request, undo);
      await applyChange(this.#core, undo, { containerId, next, steps: connectSteps(record, next, endpoint, table, facts) });
      return endpoint;
    });
  }

  /** Disconnects a running container from a network. */
  async disconnect(containerId: string, networkId: string): Promise<void> {
    await this.#exclusively(containerId, async (undo) => {
      const { table, ports } = this.#core;
      const record = this.#record(containerId);
      const network = networkOf(this.#core, networkId);
      const { sandbox, request } = record;
      const endpoint = table.endpoint(networkId, containerId);
      if (!endpoint) throw forbidden(`container ${containerId} is not connected to network ${network.name}`);
      const published = publishedOf(sandbox.endpoints);
      const rest = sandbox.endpoints.filter((candidate) => candidate.id !== endpoint.id);
      // Without the network that is none, others can be connected.
      const mode = namespaceOn(network) === 'none' ? 'networks' : request.mode;
      const disconnected: JoinRequest = { ...request, mode, connections: request.connections.filter((connection) => connection.networkId !== networkId) };
      const next = withEndpoints(this.#core, { ...record, request: disconnected, sandbox: { ...sandbox, mode } }, assignPublished(rest, published));
      this.#rememberAgain(disconnected, request, undo);
      await applyChange(this.#core, undo, { containerId, next, steps: beforeDisconnectSteps(record, next) });
      undo.release();
      await completeTearDown(this.#core, `disconnecting container ${containerId} from network ${network.name}`, [...detachSteps(record, endpoint, table), ...forgetSteps([endpoint])]);
      releaseAddresses(this.#core, [endpoint]);
      if (published.length > 0 && publishedOf(next.sandbox.endpoints).length === 0) ports.release(sandbox.id);
    });
  }

  /**
   * Publishes more ports of a running container, and keeps in its request that they are wanted. Returns what it got. Throws
   * `conflict` where none of its networks leads out, and Docker's refusals for what is taken.
   */
  async publish(containerId: string, wanted: readonly WantedPort[]): Promise<readonly PublishedPort[]> {
    return this.#exclusively(containerId, (undo) => publishMore(this.#core, this.#record(containerId), wanted, undo));
  }

  /** Takes back published ports of a running container, and that they are wanted; flows through them end. */
  async unpublish(containerId: string, ports: readonly PublishedPort[]): Promise<void> {
    await this.#exclusively(containerId, (undo) => unpublish(this.#core, this.#record(containerId), ports, undo));
  }

  /** The container's new name, wherever it shows: DNS, the hosts files of what links to it, refusals. */
  async rename(containerId: string, name: string): Promise<void> {
    await this.#exclusively(containerId, async (undo) => {
      const { resolution, table, ports, resolver } = this.#core;
      const known = resolution.known(containerId);
      if (known) {
        resolution.remember({ ...known, containerName: name });
        undo.push('name', () => resolution.remember(known));
      }
      const record = table.sandbox(containerId);
      if (!record) {
        const changes = resolution.containerChanges(containerId);
        if (changes.length > 0) await resolver.apply(changes);
        return;
      }
      const request: JoinRequest = { ...record.request, containerName: name };
      const endpoints = record.sandbox.endpoints.map((endpoint): Endpoint => ({
        ...endpoint,
        dnsNames: dnsNamesFor({ id: containerId, name, hostname: request.hostname }, endpoint, networkOf(this.#core, endpoint.networkId)),
      }));
      ports.rename(containerId, name);
      undo.push('name of port owner', () => ports.rename(containerId, record.request.containerName));
      await applyChange(this.#core, undo, { containerId, next: { ...record, request, sandbox: { ...record.sandbox, endpoints } }, steps: [] });
    });
  }

  /** Replaces a running container's links on the default bridge. Without `ports`, what is known of the source counts. */
  async setLinks(containerId: string, links: readonly (Link & { readonly ports?: readonly Port[] })[]): Promise<void> {
    await this.#exclusively(containerId, async (undo) => {
      const { table } = this.#core;
      const record = this.#record(containerId);
      const old = record.request.links;
      const resolved = links.map((link): JoinLink => {
        const known = old.find((one) => one.sourceId === link.sourceId)?.ports;
        return { ...link, ports: link.ports ?? known ?? table.sandbox(link.sourceId)?.request.exposedPorts ?? [] };
      });
      const next: SandboxRecord = { ...record, request: { ...record.request, links: resolved } };
      await applyChange(this.#core, undo, { containerId, next, steps: [] });
    });
  }

  /** The runtime made the container: from now on its files can only be changed where it has them mounted. */
  async containerStarted(containerId: string, pid: number): Promise<void> {
    const record = this.#core.table.sandbox(containerId);
    if (record) this.#noteProcess({ ...record, pid, sharers: livingSharers(record) });
  }

  /** Another container, with a process `pid`, shares the network of this one, and has the same files mounted. */
  async filesShared(containerId: string, pid: number): Promise<void> {
    const record = this.#core.table.sandbox(containerId);
    if (record) this.#noteProcess({ ...record, sharers: [...livingSharers(record), pid] });
  }

  #noteProcess(next: SandboxRecord): void {
    const { table, store, log } = this.#core;
    table.putSandbox(next);
    // Nobody has to wait for the disk: without it, files are only replaced in another way after a crash.
    store
      .commit({ putSandboxes: [next] })
      .catch((error: unknown) => log.warn({ container: next.sandbox.containerId, error: errorMessage(error) }, 'process id not stored'));
  }

  /** Counters of a container's interfaces, as the container sees them. */
  statistics(containerId: string): Record<string, LinkStatistics> {
    const sandbox = this.sandbox(containerId);
    if (!sandbox || sandbox.netns === '') return {};
    const socket = RouteSocket.open(sandbox.netns);
    try {
      const named = sandbox.endpoints.filter((endpoint) => endpoint.ifname !== '');
      return Object.fromEntries(named.map((endpoint) => [endpoint.ifname, socket.statistics(endpoint.ifname)]));
    } finally {
      socket.close();
    }
  }

  /** What an inspection shows of a network's address pools. */
  poolUsage(networkId: string): PoolUsage[] {
    const network = networkOf(this.#core, networkId);
    return network.pools.length === 0 ? [] : this.#core.ipam.usage(networkId);
  }

  // ---- within

  #exclusively<T>(containerId: string, work: (undo: UndoStack) => Promise<T>): Promise<T> {
    return this.#locks.run(containerId, async () => {
      this.#core.busy.add(containerId);
      try {
        return await withUndo(work, (failure) =>
          this.#core.log.error({ container: containerId, step: failure.name, error: errorMessage(failure.error) }, 'undoing a failed network operation'),
        );
      } finally {
        this.#core.busy.delete(containerId);
      }
    });
  }

  #record(containerId: string): SandboxRecord {
    const record = this.#core.table.sandbox(containerId);
    if (!record || record.parked) throw conflict(`container ${containerId} is not running`);
    return record;
  }

  #allotConnection(containerId: string, connection: Connection, network: NetworkRecord, undo: UndoStack): Endpoint {
    const { sandbox, request } = this.#record(containerId);
    if (sandbox.mode === 'host' || namespaceOn(network) === 'host') throw invalid('container sharing network namespace with another container or host cannot be connected to any other network');
    if (sandbox.mode === 'none' || !driverNamed(network.driver).policy.connectable) {
      throw invalid('container cannot be connected to multiple networks with one of the networks in private (none) mode');
    }
    if (this.#core.table.endpoint(network.id, containerId)) throw forbidden(`endpoint with name ${request.containerName} already exists in network ${network.name}`);
    return allotEndpoint(this.#core, request, connection, sandbox.endpoints, undo);
  }

  #rememberAgain(container: KnownContainer, before: KnownContainer, undo: UndoStack): void {
    this.#core.resolution.remember(container);
    undo.push('known names', () => this.#core.resolution.remember(before));
  }

  #keepAddresses(before: KnownContainer | undefined, after: KnownContainer | undefined): void {
    const { ipam } = this.#core;
    const each = (container: KnownContainer | undefined, visit: (networkId: string, address: string, owner: string) => void) => {
      for (const { networkId, spec } of container?.connections ?? []) {
        for (const address of endpointAddresses(spec)) visit(networkId, address, container!.containerId);
      }
    };
    each(before, (networkId, address, owner) => ipam.unreserve(networkId, address, owner));
    each(after, (networkId, address, owner) => ipam.reserve(networkId, address, owner));
  }
}
