/** What the resolver is told: zones as they are or as they differ, and each container's view of them. */
import type { ResolverChange } from '../../base/dns-zone.ts';
import { once } from '../../base/once.ts';
import { readHostServers, type HostServers } from '../host/host-facts.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { NetworkCore } from './core.ts';

type FeedNeeds = Pick<NetworkCore, 'config' | 'resolution' | 'resolver' | 'table'>;

export class ResolverFeed {
  readonly #needs: FeedNeeds;

  constructor(needs: FeedNeeds) {
    this.#needs = needs;
  }

  /** Resolves when it is answered so. Undefined where there is nothing to tell. */
  tell(changes: ResolverChange[]): Promise<void> | undefined {
    return changes.length > 0 ? this.#needs.resolver.apply(changes) : undefined;
  }

  zones(networkIds: readonly string[]): ResolverChange[] {
    return this.#needs.resolution.zoneChanges(networkIds);
  }

  forgetNetwork(networkId: string): void {
    this.#needs.resolution.removed(networkId);
  }

  /** What is different about the names of a container. */
  names(containerId: string): ResolverChange[] {
    return this.#needs.resolution.containerChanges(containerId);
  }

  /** The container's view as it is now. */
  view(record: SandboxRecord, servers: () => HostServers): ResolverChange {
    return this.#needs.resolution.viewChange(record, servers().own, this.#needs.config);
  }

  /** The views of all these that have a resolver. */
  views(records: readonly SandboxRecord[]): ResolverChange[] {
    const servers = this.hostServers();
    return records.filter((record) => record.resolverPort > 0).map((record) => this.view(record, servers));
  }

  /** Those of the host, read when they are first needed: once for each operation. */
  hostServers(): () => HostServers {
    return once(() => readHostServers(this.#needs.config));
  }
}
