import type { ContainerRecord } from '../../model/container.ts';
import type { Endpoint } from '../../model/endpoint.ts';
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
