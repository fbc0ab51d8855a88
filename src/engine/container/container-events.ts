import type { ContainerRecord } from '../../model/container.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import type { MountPoint } from '../../model/mount.ts';
import { driverOf, type NetworkSource } from '../network/network-lookup.ts';
import type { EventBus } from '../system/event-bus.ts';

/** Publishes a container event with Docker's attributes: image, name and every label, then `extra`. */
export function publishContainerEvent(
  events: EventBus,
  record: ContainerRecord,
  action: string,
  extra: Readonly<Record<string, string>> = {},
): void {
  events.publish({
    type: 'container',
    action,
    actorId: record.id,
    attributes: { ...record.spec.labels, image: record.spec.image, name: record.name, ...extra },
  });
}

export function publishNetworkEvent(
  events: EventBus,
  action: string,
  network: { id: string; name: string; driver: string },
  extra: Readonly<Record<string, string>> = {},
): void {
  events.publish({
    type: 'network',
    action,
    actorId: network.id,
    attributes: { ...extra, name: network.name, type: network.driver },
  });
}

/** One event for each network that the container has come to, or gone from. */
export function publishEndpointEvents(
  needs: { readonly events: EventBus; readonly network: NetworkSource },
  action: 'connect' | 'disconnect',
  endpoints: readonly Pick<Endpoint, 'networkId' | 'networkName'>[],
  containerId: string,
): void {
  for (const { networkId: id, networkName: name } of endpoints) {
    const network = { id, name, driver: driverOf(needs.network, id) };
    publishNetworkEvent(needs.events, action, network, { container: containerId });
  }
}

/** One event for each volume that a container's files have come to have in them, or have no more. */
export function publishVolumeEvents(
  events: EventBus,
  action: 'mount' | 'unmount',
  { id, mounts }: { readonly id: string; readonly mounts: readonly MountPoint[] },
): void {
  for (const { type, name, driver, destination, rw, propagation } of mounts) {
    if (type !== 'volume') continue;
    const place = { destination, 'read/write': String(rw), propagation };
    const attributes = { driver, container: id, ...(action === 'mount' ? place : {}) };
    events.publish({ type: 'volume', action, actorId: name, attributes });
  }
}
