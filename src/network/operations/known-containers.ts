import type { Connection } from '../../model/container.ts';
import { endpointAddresses } from '../../model/endpoint.ts';
import type { KnownContainer } from '../dns/resolution.ts';
import type { Allocation } from './allocate.ts';
import type { NetworkCore } from './core.ts';
import type { ResolverFeed } from './resolver-feed.ts';

/** Containers that exist, also those that do not run: their names, and the addresses that they asked for. */
export interface KnownContainers {
  /** Refuses, in Docker's words, what can never be connected like that. Takes nothing. */
  checkConnection(connection: Connection): void;
  /**
   * Registers that a container exists, with its name and wanted connections (again at every change): its names are
   * answered empty while it does not run, and the addresses that it asked for are kept for it.
   */
  remember(container: KnownContainer): Promise<void>;
  /** The container is no more. */
  forget(containerId: string): Promise<void>;
  /** A container whose health check fails is withdrawn from names that healthy ones share with it. */
  setHealth(containerId: string, healthy: boolean): Promise<void>;
}

interface KnownNeeds extends Pick<NetworkCore, 'ipam' | 'resolution'> {
  readonly allocation: Pick<Allocation, 'checkConnection'>;
  readonly feed: Pick<ResolverFeed, 'names' | 'tell'>;
}

export function createKnownContainers(needs: KnownNeeds): KnownContainers {
  return {
    checkConnection(connection: Connection): void {
      needs.allocation.checkConnection(connection);
    },

    async remember(container: KnownContainer): Promise<void> {
      const { feed, resolution } = needs;
      const before = resolution.known(container.containerId);
      keepAddresses(needs, before, container);
      resolution.remember(container);
      await feed.tell(feed.names(container.containerId));
    },

    async forget(containerId: string): Promise<void> {
      const { feed, resolution } = needs;
      const before = resolution.known(containerId);
      if (!before) return;
      keepAddresses(needs, before, undefined);
      resolution.forget(containerId);
      await feed.tell(feed.names(containerId));
    },

    async setHealth(containerId: string, healthy: boolean): Promise<void> {
      const { feed, resolution } = needs;
      await feed.tell(resolution.healthChanges(containerId, healthy));
    },
  };
}

export function keepAddresses(
  { ipam }: Pick<NetworkCore, 'ipam'>,
  before: KnownContainer | undefined,
  after: KnownContainer | undefined,
): void {
  const each = (
    container: KnownContainer | undefined,
    visit: (networkId: string, address: string, owner: string) => void,
  ) => {
    for (const { networkId, spec } of container?.connections ?? []) {
      for (const address of endpointAddresses(spec)) visit(networkId, address, container!.containerId);
    }
  };
  each(before, (networkId, address, owner) => ipam.unreserve(networkId, address, owner));
  each(after, (networkId, address, owner) => ipam.reserve(networkId, address, owner));
}
