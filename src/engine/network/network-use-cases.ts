/**
 * Networks as users work with them: the records are the network room's, the connected containers are the containers'.
 */
import type { Clock } from '../../base/clock.ts';
import { conflict, errorKind, errorMessage, forbidden, invalid } from '../../base/errors.ts';
import { filterFairly } from '../../base/fair-filter.ts';
import type { Log } from '../../base/log.ts';
import type { Connection, ContainerRecord } from '../../model/container.ts';
import type { EndpointSpec } from '../../model/endpoint.ts';
import type { NetworkRecord, NetworkSpec } from '../../model/network.ts';
import type { Filters } from '../../model/filters.ts';
import { checkEndpointSpec } from '../../network/ipam/endpoint-check.ts';
import { namespaceOn } from '../../network/plan/network-policy.ts';
import { publishNetworkEvent } from '../container/container-events.ts';
import type { ContainerTable } from '../container/container-table.ts';
import type { Held, RecordChange } from '../container/held.ts';
import { rememberNames } from '../container/known-names.ts';
import { networkModeKind, withInterface } from '../container/network-mode.ts';
import { saveAfterNetwork } from '../container/save-after-network.ts';
import type { SettleNeeds } from '../container/settle-part.ts';
import type { KnownContainers, LiveNetwork, Networks } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import { networkPredicate, prunePredicate } from './network-filters.ts';
import { findNetwork, findOneNetwork, tryFindNetwork } from './network-lookup.ts';
import type { NetworkView, PoolUsage } from '../../model/views.ts';

export interface NetworkNeeds {
  readonly containers: Pick<ContainerTable, 'get'>;
  readonly network: Networks;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly log: Log;
}

export type ConnectNeeds = SettleNeeds & {
  readonly containers: Pick<ContainerTable, 'find' | 'tryFind' | 'locked'>;
  readonly network: Pick<Networks, 'networks'> &
    Pick<LiveNetwork, 'sandbox' | 'connect' | 'disconnect'> &
    Pick<KnownContainers, 'remember' | 'checkConnection'>;
  readonly events: EventBus;
};

export async function createNetwork(
  needs: NetworkNeeds,
  spec: NetworkSpec,
): Promise<{ id: string; warnings: string[] }> {
  const { record, warnings } = await needs.network.createNetwork(spec);
  publishNetworkEvent(needs.events, 'create', record);
  return { id: record.id, warnings: [...warnings] };
}

export async function removeNetwork(needs: NetworkNeeds, ref: string): Promise<void> {
  const record = findOneNetwork(needs.network, ref);
  if (record.predefined) throw forbidden(`${record.name} is a pre-defined network and cannot be removed`);
  const active = needs.network.endpoints(record.id);
  if (active.length > 0) {
    // Docker's: the names of containers, the ids of their endpoints.
    const list = active
      .map(
        (endpoint) =>
          `name:"${needs.containers.get(endpoint.containerId)?.name ?? ''}" id:"${endpoint.id.slice(0, 12)}"`,
      )
      .join(', ');
    throw forbidden(`error while removing network: network ${record.name} has active endpoints (${list})`);
  }
  await needs.network.removeNetwork(record.id);
  if (!record.configOnly) publishNetworkEvent(needs.events, 'destroy', record);
}

export function inspectNetwork(needs: NetworkNeeds, ref: string): NetworkView {
  return viewNetwork(needs, findOneNetwork(needs.network, ref));
}

function viewNetwork(needs: NetworkNeeds, record: NetworkRecord): NetworkView {
  const endpoints = needs.network.endpoints(record.id).map((endpoint) => ({
    ...endpoint,
    containerName: needs.containers.get(endpoint.containerId)?.name ?? '',
  }));
  return { record, endpoints, pools: poolsOf(needs, record) };
}

function poolsOf(needs: NetworkNeeds, record: NetworkRecord): readonly PoolUsage[] {
  try {
    return needs.network.poolUsage(record.id);
  } catch (error) {
    needs.log.error({ network: record.id, error: errorMessage(error) }, 'the pools of a network cannot be shown');
    return [];
  }
}

export async function listNetworks(
  needs: NetworkNeeds,
  filters: Filters,
  { usesHidden = false }: { readonly usesHidden?: boolean } = {},
): Promise<NetworkView[]> {
  const matches = await networkPredicate(filters, (network) => !usesHidden && inUse(needs, network.id));
  return (await filterFairly(needs.network.networks(), matches)).map((network) => viewNetwork(needs, network));
}

function inUse(needs: NetworkNeeds, networkId: string): boolean {
  return needs.network.endpoints(networkId).length > 0;
}

export async function pruneNetworks(needs: NetworkNeeds, filters: Filters): Promise<string[]> {
  const matches = prunePredicate(filters, needs.clock.now());
  const deleted: string[] = [];
  for (const network of needs.network.networks()) {
    if (!matches(network) || inUse(needs, network.id)) continue;
    try {
      await removeNetwork(needs, network.id);
      deleted.push(network.name);
    } catch (error) {
      if (errorKind(error) === 'system') throw error;
    }
  }
  needs.events.publish({ type: 'network', action: 'prune', actorId: '', attributes: { reclaimed: '0' } });
  return deleted;
}

export function connectContainer(
  needs: ConnectNeeds,
  networkRef: string,
  containerRef: string,
  spec: EndpointSpec,
): Promise<void> {
  return needs.containers.locked(containerRef, async (held) => {
    const { id, record } = held;
    const network = findNetwork(needs.network, networkRef);
    checkConnectable(needs, record, network, spec);
    const connection: Connection = { networkId: network.id, networkName: network.name, spec };
    needs.network.checkConnection(connection);
    // Also while it is started again, if others share its network.
    const endpoint = needs.network.sandbox(id) ? await needs.network.connect(id, connection) : undefined;
    await saveChange(
      needs,
      held,
      (now) => ({ ...now, connections: [...now.connections, withInterface(connection, endpoint)] }),
      endpoint !== undefined,
    );
    if (endpoint) publishNetworkEvent(needs.events, 'connect', network, { container: id });
  });
}

/** In Docker's order: what is asked of the endpoint is judged before whether the two go together. */
function checkConnectable(
  needs: Pick<ConnectNeeds, 'network'>,
  record: ContainerRecord,
  network: NetworkRecord,
  spec: EndpointSpec,
): void {
  const kind = networkModeKind(record.spec.connection.networkMode);
  if (kind !== 'container') checkEndpointSpec(network, spec);
  if (kind !== 'host' && namespaceOn(network) === 'host') {
    throw invalid('cannot connect container to host network - container must be created in host network mode');
  }
  if (kind === 'container' || kind === 'host') {
    throw invalid(
      'container sharing network namespace with another container or host cannot be connected to any other network',
    );
  }
  const none = (one: NetworkRecord | undefined) => one !== undefined && namespaceOn(one) === 'none' && !one.configOnly;
  const networks = needs.network.networks();
  if (none(network) || record.connections.some((one) => none(networks.find(({ id }) => id === one.networkId)))) {
    throw invalid('container cannot be connected to multiple networks with one of the networks in private (none) mode');
  }
  if (record.state.status === 'removing' || record.state.status === 'dead') {
    throw removing(record);
  }
  if (record.connections.some((one) => one.networkId === network.id)) {
    throw forbidden(`endpoint with name ${record.name} already exists in network ${network.name}`);
  }
}

export async function disconnectContainer(
  needs: ConnectNeeds,
  networkRef: string,
  containerRef: string,
  force: boolean,
): Promise<void> {
  const network = force ? tryFindNetwork(needs.network, networkRef) : findNetwork(needs.network, networkRef);
  const found = needs.containers.tryFind(containerRef);
  if (!found) {
    if (!force) needs.containers.find(containerRef);
    if (!network) findNetwork(needs.network, networkRef);
    return;
  }
  const { id } = found;
  await needs.containers.locked(id, async (held) => {
    const { record } = held;
    if (record.state.status === 'removing' || record.state.status === 'dead') throw removing(record);
    if (network && namespaceOn(network) === 'host' && networkModeKind(record.spec.connection.networkMode) === 'host') {
      throw invalid('cannot disconnect container from host network - container was created in host network mode');
    }
    // A network that is gone may still be wanted by a container that does not run.
    const wanted = record.connections.find((one) =>
      network ? one.networkId === network.id : one.networkName === networkRef || one.networkId === networkRef,
    );
    if (!wanted && !network) findNetwork(needs.network, networkRef);
    const live = network && needs.network.sandbox(id) !== undefined;
    if (!wanted)
      throw forbidden(
        `container ${id} is not connected to ${live ? '' : 'the '}network ${network?.name ?? networkRef}`,
      );
    if (live) await needs.network.disconnect(id, network.id);
    await saveChange(
      needs,
      held,
      (now) => ({
        ...now,
        connections: now.connections.filter(
          (one) => one.networkId !== wanted.networkId || one.networkName !== wanted.networkName,
        ),
      }),
      live === true,
    );
    if (live) publishNetworkEvent(needs.events, 'disconnect', network, { container: id });
  });
}

/** `done`: the network has made and stored the change. */
async function saveChange(needs: ConnectNeeds, held: Held, change: RecordChange, done: boolean): Promise<void> {
  const record = done ? await saveAfterNetwork(needs, held, change) : await held.save(change);
  await rememberNames(needs.network, record).catch((error: unknown) =>
    needs.log.warn({ container: record.id, error: errorMessage(error) }, 'names of a container'),
  );
}

function removing(record: ContainerRecord): Error {
  return conflict(
    `Container ${record.id} is marked for removal and cannot be connected or disconnected to the network`,
  );
}
