/** What the embedded DNS is told: zones and views as projections of the endpoint table, and the names of what does not run. */
import type { ResolverChange } from './contract.ts';
import { hasNames } from './default-networks.ts';
import { dnsWishes } from './container-files.ts';
import { dnsNamesFor } from './names/dns-names.ts';
import { chooseUpstreams, type DnsWishes, type HostResolvConf } from './names/resolv-conf.ts';
import { projectView, projectZone, type NetworkZone, type SandboxView } from './names/zone.ts';
import { parseBridgeOptions } from './plan/bridge-options.ts';
import type { SandboxRecord } from './plan/sandbox.ts';
import type { NetworkTable } from './plan/table.ts';
import type { Connection } from '../model/container.ts';
import type { NetworkRecord } from '../model/network.ts';

/** A container that exists, whether it runs or not. */
export interface KnownContainer {
  readonly containerId: string;
  readonly containerName: string;
  readonly hostname: string;
  readonly connections: readonly Connection[];
}

export class Resolution {
  readonly #table: NetworkTable;
  readonly #defaultTtlS: number;
  readonly #known = new Map<string, KnownContainer>();
  readonly #unhealthy = new Set<string>();

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

  setHealth(containerId: string, healthy: boolean): boolean {
    return healthy ? this.#unhealthy.delete(containerId) : !this.#unhealthy.has(containerId) && this.#unhealthy.add(containerId).has(containerId);
  }

  /** The zones of the named networks, for those that have names. */
  zoneChanges(networkIds: Iterable<string>): ResolverChange[] {
    const changes: ResolverChange[] = [];
    for (const id of new Set(networkIds)) {
      const network = this.#table.network(id);
      if (network && hasNames(network)) changes.push({ op: 'put-network', zone: this.zone(network) });
    }
    return changes;
  }

  zone(network: NetworkRecord): NetworkZone {
    return projectZone({
      network,
      ttlS: parseBridgeOptions(network).dnsTtlS ?? this.#defaultTtlS,
      endpoints: this.#table.endpoints(network.id),
      knownNames: this.#knownNames(network),
      unhealthy: this.#unhealthy,
    });
  }

  viewChange(record: SandboxRecord, host: HostResolvConf, defaults: DnsWishes): ResolverChange {
    return { op: 'put-sandbox', view: this.view(record, host, defaults) };
  }

  view(record: SandboxRecord, host: HostResolvConf, defaults: DnsWishes): SandboxView {
    const { sandbox } = record;
    const endpoints = sandbox.endpoints.filter((endpoint) => {
      const network = this.#table.network(endpoint.networkId);
      return network !== undefined && hasNames(network);
    });
    return projectView({
      sandbox: { id: sandbox.id, netns: sandbox.netns, port: record.resolverPort },
      endpoints,
      isolated: sandbox.endpoints.length > 0 && sandbox.endpoints.every((endpoint) => this.#table.network(endpoint.networkId)?.internal),
      upstreams: chooseUpstreams(host, dnsWishes(record, defaults)),
    });
  }

  *#knownNames(network: NetworkRecord): Generator<string> {
    for (const container of this.#known.values()) {
      for (const connection of container.connections) {
        if (connection.networkId !== network.id) continue;
        yield* dnsNamesFor({ id: container.containerId, name: container.containerName, hostname: container.hostname }, connection, network);
      }
    }
  }
}
