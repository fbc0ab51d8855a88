/**
 * What is sent to the embedded DNS: zones and views as projections of the endpoint table, and the names of what does
 * not run. A zone is sent complete once; after that only the differences of a container's change, so that the
 * thousandth container on a network costs what the first did.
 */
import type { Connection } from '../../model/container.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import type { NetworkRecord } from '../../model/network.ts';
import { dnsWishes } from './resolv-conf.ts';
import type { NetworkZone, ResolverChange, SandboxView } from '../../base/dns-zone.ts';
import { hasNames } from '../table/dns-names.ts';
import { dnsNamesFor } from '../table/dns-names.ts';
import { chooseUpstreams, keepsBareNames, type DnsWishes, type HostResolvConf } from './resolv-conf.ts';
import { projectView, projectZone } from './zone.ts';
import { foldName } from '../table/dns-names.ts';
import { parseBridgeOptions } from '../plan/bridge-options.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { NetworkTable } from '../table/table.ts';

/** A container that exists, whether it runs or not. */
export interface KnownContainer {
  readonly containerId: string;
  readonly containerName: string;
  readonly hostname: string;
  readonly connections: readonly Connection[];
}

/** What was last sent to the resolver of one container on one network. */
interface AnnouncedNames {
  readonly names: readonly string[]; // folded
  readonly addresses: readonly string[];
  readonly first: string; // the name that its addresses resolve back to
}

class ZoneIndex {
  readonly said = new Map<string, AnnouncedNames>(); // by container id
  readonly #holders = new Map<string, Set<string>>(); // name -> container ids

  set(containerId: string, now: AnnouncedNames | undefined): void {
    for (const name of this.said.get(containerId)?.names ?? []) {
      const holders = this.#holders.get(name);
      holders?.delete(containerId);
      if (holders?.size === 0) this.#holders.delete(name);
    }
    if (!now) {
      this.said.delete(containerId);
      return;
    }
    this.said.set(containerId, now);
    for (const name of now.names) {
      const holders = this.#holders.get(name);
      if (holders) holders.add(containerId);
      else this.#holders.set(name, new Set([containerId]));
    }
  }

  holders(name: string): Iterable<string> {
    return this.#holders.get(name) ?? [];
  }

  isHeld(name: string): boolean {
    return this.#holders.has(name);
  }
}

export class Resolution {
  readonly #table: NetworkTable;
  readonly #defaultTtlS: number;
  readonly #known = new Map<string, KnownContainer>();
  readonly #unhealthy = new Set<string>();
  readonly #indexes = new Map<string, ZoneIndex>();

  constructor(options: { table: NetworkTable; defaultTtlS: number }) {
    this.#table = options.table;
    this.#defaultTtlS = options.defaultTtlS;
  }

  /** Its names are answered here, empty while it does not run, and never asked of others. */
  remember(container: KnownContainer): void {
    this.#known.set(container.containerId, container);
  }

  known(containerId: string): KnownContainer | undefined {
    return this.#known.get(containerId);
  }

  forget(containerId: string): void {
    this.#known.delete(containerId);
    this.#unhealthy.delete(containerId);
  }

  /** The whole zones of the named networks, for those that have names. */
  zoneChanges(networkIds: Iterable<string>): ResolverChange[] {
    const changes: ResolverChange[] = [];
    for (const id of new Set(networkIds)) {
      const network = this.#table.network(id);
      if (!network || !hasNames(network)) continue;
      const index = new ZoneIndex();
      this.#indexes.set(id, index);
      for (const containerId of new Set([
        ...this.#known.keys(),
        ...this.#table.endpoints(id).map((endpoint) => endpoint.containerId),
      ])) {
        index.set(containerId, this.#now(network, containerId));
      }
      changes.push({ op: 'put-network', zone: this.zone(network) });
    }
    return changes;
  }

  zone(network: NetworkRecord): NetworkZone {
    return projectZone({
      ...this.#zoneInput(network),
      endpoints: this.#table.endpoints(network.id).map((endpoint) => this.#withPorts(endpoint)),
      knownNames: this.#knownNames(network),
    });
  }

  removed(networkId: string): void {
    this.#indexes.delete(networkId);
  }

  /** What is different for the names that a container has or had, on every network. */
  containerChanges(containerId: string): ResolverChange[] {
    const changes: ResolverChange[] = [];
    for (const [networkId, index] of this.#indexes) {
      const network = this.#table.network(networkId);
      if (!network) continue;
      const last = index.said.get(containerId);
      const now = this.#now(network, containerId);
      if (sameNames(last, now)) continue;
      index.set(containerId, now);
      changes.push(
        this.#patch(network, index, new Set([...(last?.names ?? []), ...(now?.names ?? [])]), [
          ...(last?.addresses ?? []),
          ...(now?.addresses ?? []),
        ]),
      );
    }
    return changes;
  }

  /** Notes the health; what is different for the names that the container shares. */
  healthChanges(containerId: string, healthy: boolean): ResolverChange[] {
    if (healthy ? !this.#unhealthy.delete(containerId) : this.#unhealthy.has(containerId)) return [];
    if (!healthy) this.#unhealthy.add(containerId);
    const changes: ResolverChange[] = [];
    for (const [networkId, index] of this.#indexes) {
      const network = this.#table.network(networkId);
      const said = index.said.get(containerId);
      if (network && said && parseBridgeOptions(network).dnsHealthyOnly)
        changes.push(this.#patch(network, index, new Set(said.names), []));
    }
    return changes;
  }

  viewChange(record: SandboxRecord, host: HostResolvConf, defaults: DnsWishes): ResolverChange {
    return { op: 'put-sandbox', view: this.view(record, host, defaults) };
  }

  view(record: SandboxRecord, host: HostResolvConf, defaults: DnsWishes): SandboxView {
    const { sandbox } = record;
    const wishes = dnsWishes(record, defaults);
    const networkOf = (endpoint: Endpoint) => this.#table.network(endpoint.networkId);
    return projectView({
      sandbox: { id: sandbox.id, netns: sandbox.netns, port: record.resolverPort },
      endpoints: sandbox.endpoints.filter((endpoint) => {
        const network = networkOf(endpoint);
        return network !== undefined && hasNames(network);
      }),
      isolated: sandbox.endpoints.every((endpoint) => networkOf(endpoint)?.internal ?? true),
      upstreams: chooseUpstreams(host, wishes),
      keepBareNames: keepsBareNames(host, wishes),
    });
  }

  /**
   * The named parts of the zone as they are now, each projected from the containers that hold the name and no others.
   */
  #patch(
    network: NetworkRecord,
    index: ZoneIndex,
    names: ReadonlySet<string>,
    addresses: readonly string[],
  ): ResolverChange {
    const input = this.#zoneInput(network);
    const patchNames = Object.create(null) as Record<string, NetworkZone['names'][string] | null>; // a name may be '__proto__'
    const ptr: Record<string, string | null> = Object.fromEntries(addresses.map((address) => [address, null]));
    const folded = new Map<Endpoint, ReadonlySet<string>>();
    // Of an endpoint's names only those that matter here: each name would walk all others, and there may be very many.
    const narrow = (endpoint: Endpoint, name: string): Endpoint => {
      let own = folded.get(endpoint);
      if (!own) folded.set(endpoint, (own = new Set(endpoint.dnsNames.map(foldName))));
      return { ...endpoint, dnsNames: [...endpoint.dnsNames.slice(0, 1), ...(own.has(name) ? [name] : [])] };
    };
    for (const name of names) {
      const endpoints = [...index.holders(name)]
        .map((id) => this.#table.endpoint(network.id, id))
        .filter((endpoint) => endpoint !== undefined);
      const zone = projectZone({
        ...input,
        endpoints: endpoints.map((endpoint) => this.#withPorts(narrow(endpoint, name))),
        knownNames: index.isHeld(name) ? [name] : [],
      });
      patchNames[name] = zone.names[name] ?? null;
      for (const address of addresses) ptr[address] ??= zone.ptr[address] ?? null;
    }
    return { op: 'patch-network', patch: { id: network.id, names: patchNames, ptr } };
  }

  #zoneInput(network: NetworkRecord) {
    const { dnsTtlS, dnsHealthyOnly } = parseBridgeOptions(network);
    return { network, ttlS: dnsTtlS ?? this.#defaultTtlS, ...(dnsHealthyOnly ? { unhealthy: this.#unhealthy } : {}) };
  }

  #withPorts(endpoint: Endpoint) {
    return { ...endpoint, ports: this.#table.sandbox(endpoint.containerId)?.request.exposedPorts ?? [] };
  }

  #now(network: NetworkRecord, containerId: string): AnnouncedNames | undefined {
    const endpoint = this.#table.endpoint(network.id, containerId);
    const known = this.#known.get(containerId);
    const connection = known?.connections.find((one) => one.networkId === network.id);
    if (!endpoint && !connection) return undefined;
    const knownNames =
      known && connection
        ? dnsNamesFor({ id: containerId, name: known.containerName, hostname: known.hostname }, connection, network)
        : [];
    const names = new Set([...(endpoint?.dnsNames ?? []), ...knownNames].map(foldName));
    const addresses = [endpoint?.ipv4 ?? '', endpoint?.ipv6 ?? ''].filter((address) => address !== '');
    return { names: [...names], addresses, first: endpoint?.dnsNames[0] ?? '' };
  }

  *#knownNames(network: NetworkRecord): Generator<string> {
    for (const containerId of this.#known.keys()) yield* this.#now(network, containerId)?.names ?? [];
  }
}

function sameNames(a: AnnouncedNames | undefined, b: AnnouncedNames | undefined): boolean {
  if (!a || !b) return a === b;
  const same = (one: readonly string[], other: readonly string[]) =>
    one.length === other.length && one.every((text, index) => text === other[index]);
  return a.first === b.first && same(a.names, b.names) && same(a.addresses, b.addresses);
}
