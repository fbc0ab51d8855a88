/** Tells the network room which names exist, also those of containers that do not run. */
import type { ContainerRecord } from '../../model/container.ts';
import type { KnownContainer } from '../../network/service.ts';
import type { KnownContainers } from '../ports.ts';

/** To be called whenever a container's name or wanted connections have changed. */
export function rememberNames(network: Pick<KnownContainers, 'remember'>, record: ContainerRecord): Promise<void> {
  return network.remember(knownContainer(record));
}

export function knownContainer(record: ContainerRecord): KnownContainer {
  return {
    containerId: record.id,
    containerName: record.name,
    hostname: record.spec.process.hostname,
    connections: record.connections.filter((connection) => connection.networkId !== ''),
  };
}
