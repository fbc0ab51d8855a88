/** Networks as users work with them: the records are the network room's, who is connected is the containers'. */
import { conflict, errorKind, errorMessage, forbidden, invalid } from '../../base/errors.ts';
import { filterFairly } from '../../base/fair-filter.ts';
import type { Connection, ContainerRecord } from '../../model/container.ts';
import type { Endpoint, EndpointSpec } from '../../model/endpoint.ts';
import type { NetworkRecord, NetworkSpec } from '../../model/network.ts';
import type { PoolUsage } from '../../network/ipam/ipam.ts';
import { publishNetworkEvent } from '../container/container-events.ts';
import type { Held, RecordChange } from '../container/held.ts';
import { rememberNames } from '../container/known-names.ts';
import { networkModeKind, withInterface } from '../container/network-mode.ts';
import { saveAfterNetwork } from '../container/save-after-network.ts';
import type { EngineContext } from '../engine-context.ts';
import { networkPredicate, prunePredicate } from './network-filters.ts';
import { findNetwork, findOneNetwork, tryFindNetwork } from './network-lookup.ts';

type Filters = Readonly<Record<string, readonly string[]>>;

export interface NetworkView {
  readonly record: NetworkRecord;
  readonly endpoints: readonly (Endpoint & { readonly containerName: string })[];
  readonly pools: readonly PoolUsage[];
}

export async function createNetwork(context: EngineContext, spec: NetworkSpec): Promise<{ id: string; warnings: string[] }> {
  const { record, warnings } = await context.network.createNetwork(spec);
  publishNetworkEvent(context.events, 'create', record);
  return { id: record.id, warnings: [...warnings] };
}

export async function removeNetwork(context: EngineContext, ref: string): Promise<void> {
  const record = findOneNetwork(context.network, ref);
  if (record.predefined) throw forbidden(`${record.name} is a pre-defined network and cannot be removed`);
  const active = context.network.endpoints(record.id);
  if (active.length > 0) {
    // Docker's: the names of containers, the ids of their endpoints.
    const list = active.map((endpoint) => `name:"${context.containers.get(endpoint.containerId)?.name ?? ''}" id:"${endpoint.id.slice(0, 12)}"`).join(', ');
    throw forbidden(`error while removing network: network ${record.name} has active endpoints (${list})`);
  }
  await context.network.removeNetwork(record.id);
  if (!record.configOnly) publishNetworkEvent(context.events, 'destroy', record);
}

export function inspectNetwork(context: EngineContext, ref: string): NetworkView {
  return viewNetwork(context, findOneNetwork(context.network, ref));
}

function viewNetwork(context: EngineContext, record: NetworkRecord): NetworkView {
  const endpoints = context.network.endpoints(record.id).map((endpoint) => ({
    ...endpoint,
    containerName: context.containers.get(endpoint.containerId)?.name ?? '',
  }));
  return { record, endpoints, pools: poolsOf(context, record) };
}

function poolsOf(context: EngineContext, record: NetworkRecord): readonly PoolUsage[] {
  try {
    return context.network.poolUsage(record.id);
  } catch (error) {
    context.log.error({ network: record.id, error: errorMessage(error) }, 'the pools of a network cannot be shown');
    return [];
  }
}

export async function listNetworks(context: EngineContext, filters: Filters): Promise<NetworkView[]> {
  const matches = await networkPredicate(filters, (network) => inUse(context, network.id));
  return (await filterFairly(context.network.networks(), matches)).map((network) => viewNetwork(context, network));
}

function inUse(context: EngineContext, networkId: string): boolean {
  return context.network.endpoints(networkId).length > 0;
}

export async function pruneNetworks(context: EngineContext, filters: Filters): Promise<string[]> {
  const matches = prunePredicate(filters, context.clock.now());
  const deleted: string[] = [];
  for (const network of context.network.networks()) {
    if (!matches(network) || inUse(context, network.id)) continue;
    try {
      await removeNetwork(context, network.id);
      deleted.push(network.name);
    } catch (error) {
      if (errorKind(error) === 'system') throw error;
    }
  }
  context.events.publish({ type: 'network', action: 'prune', actorId: '', attributes: { reclaimed: '0' } });
  return deleted;
}

export function connectContainer(context: EngineContext, networkRef: string, containerRef: string, spec: EndpointSpec): Promise<void> {
  return context.containers.locked(containerRef, async (held) => {
    const { id, record } = held;
    const network = findNetwork(context.network, networkRef);
    checkConnectable(context, record, network);
    const connection: Connection = { networkId: network.id, networkName: network.name, spec };
    context.network.checkConnection(connection);
    // Also while it is started again, if others share its network.
    const endpoint = context.network.sandbox(id) ? await context.network.connect(id, connection) : undefined;
    await saveChange(context, held, (now) => ({ ...now, connections: [...now.connections, withInterface(connection, endpoint)] }), endpoint !== undefined);
    if (endpoint) publishNetworkEvent(context.events, 'connect', network, { container: id });
  });
}

function checkConnectable(context: EngineContext, record: ContainerRecord, network: NetworkRecord): void {
  const kind = networkModeKind(record.spec.connection.networkMode);
  if (kind !== 'host' && network.driver === 'host') {
    throw invalid('cannot connect container to host network - container must be created in host network mode');
  }
  if (kind === 'container' || kind === 'host') {
    throw invalid('container sharing network namespace with another container or host cannot be connected to any other network');
  }
  const none = (one: NetworkRecord | undefined) => one?.driver === 'null' && !one.configOnly;
  const networks = context.network.networks();
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

export async function disconnectContainer(context: EngineContext, networkRef: string, containerRef: string, force: boolean): Promise<void> {
  const network = force ? tryFindNetwork(context.network, networkRef) : findNetwork(context.network, networkRef);
  const found = context.containers.tryFind(containerRef);
  if (!found) {
    if (!force) context.containers.find(containerRef);
    if (!network) findNetwork(context.network, networkRef);
    return;
  }
  const { id } = found;
  await context.containers.locked(id, async (held) => {
    const { record } = held;
    if (record.state.status === 'removing' || record.state.status === 'dead') throw removing(record);
    if (network?.driver === 'host' && networkModeKind(record.spec.connection.networkMode) === 'host') {
      throw invalid('cannot disconnect container from host network - container was created in host network mode');
    }
    // A network that is gone may still be wanted by a container that does not run.
    const wanted = record.connections.find((one) => (network ? one.networkId === network.id : one.networkName === networkRef || one.networkId === networkRef));
    if (!wanted && !network) findNetwork(context.network, networkRef);
    const live = network && context.network.sandbox(id) !== undefined;
    if (!wanted) throw forbidden(`container ${id} is not connected to ${live ? '' : 'the '}network ${network?.name ?? networkRef}`);
    if (live) await context.network.disconnect(id, network.id);
    await saveChange(context, held, (now) => ({ ...now, connections: now.connections.filter((one) => one.networkId !== wanted.networkId || one.networkName !== wanted.networkName) }), live === true);
    if (live) publishNetworkEvent(context.events, 'disconnect', network, { container: id });
  });
}

/** `done`: the network has made and stored the change. */
async function saveChange(context: EngineContext, held: Held, change: RecordChange, done: boolean): Promise<void> {
  const record = done ? await saveAfterNetwork(context, held, change) : await held.save(change);
  await rememberNames(context, record).catch((error: unknown) => context.log.warn({ container: record.id, error: errorMessage(error) }, 'names of a container'));
}

function removing(record: ContainerRecord): Error {
  return conflict(`Container ${record.id} is marked for removal and cannot be connected or disconnected to the network`);
}
