import type { UndoStack } from '../../base/undo.ts';
import type { Connection } from '../../model/container.ts';
import { endpointAddresses } from '../../model/endpoint.ts';
import type { KnownContainer } from '../dns/resolution.ts';
import { checkConnection } from './allocate.ts';
import type { NetworkCore } from './core.ts';

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

export function createKnownContainers(core: NetworkCore): KnownContainers {
  return {
    checkConnection(connection: Connection): void {
      checkConnection(core, connection);
    },

    async remember(container: KnownContainer): Promise<void> {
      const { resolution, resolver } = core;
      const before = resolution.known(container.containerId);
      keepAddresses(core, before, container);
      resolution.remember(container);
      const changes = resolution.containerChanges(container.containerId);
      if (changes.length > 0) await resolver.apply(changes);
    },

    async forget(containerId: string): Promise<void> {
      const { resolution, resolver } = core;
      const before = resolution.known(containerId);
      if (!before) return;
      keepAddresses(core, before, undefined);
      resolution.forget(containerId);
      const changes = resolution.containerChanges(containerId);
      if (changes.length > 0) await resolver.apply(changes);
    },

    async setHealth(containerId: string, healthy: boolean): Promise<void> {
      const { resolution, resolver } = core;
      const changes = resolution.healthChanges(containerId, healthy);
      if (changes.length > 0) await resolver.apply(changes);
    },
  };
}

export function keepAddresses(
  core: NetworkCore,
  before: KnownContainer | undefined,
  after: KnownContainer | undefined,
): void {
  const { ipam } = core;
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

export function rememberAgain(
  core: NetworkCore,
  container: KnownContainer,
  before: KnownContainer,
  undo: UndoStack,
): void {
  core.resolution.remember(container);
  undo.push('known names', () => core.resolution.remember(before));
}
