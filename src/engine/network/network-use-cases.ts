/** Networks as users work with them: the records are the network room's, who is connected is the containers'. */
import { conflict, errorKind, forbidden, invalid } from '../../base/errors.ts';
import type { Connection, ContainerRecord } from '../../model/container.ts';
import type { Endpoint, EndpointSpec } from '../../model/endpoint.ts';
import type { NetworkRecord, NetworkSpec } from '../../model/network.ts';
import { publishNetworkEvent } from '../container/container-events.ts';
import { isUp } from '../container/container-stop.ts';
import { rememberNames } from '../container/known-names.ts';
import { networkModeKind } from '../container/network-mode.ts';
import type { EngineContext } from '../engine-context.ts';
import { lacksLabels, matchesLabels } from '../system/label-filter.ts';
import { parseUntilMs } from '../system/time-filter.ts';
import { booleanFilter } from '../volume/volume-service.ts';
import { findNetwork } from './network-lookup.ts';

type Filters = Readonly<Record<string, readonly string[]>>;

export interface NetworkView {
  readonly record: NetworkRecord;
  readonly endpoints: readonly (Endpoint & { readonly containerName: string })[];
}

export async function createNetwork(context: EngineContext, spec: NetworkSpec): Promise<{ id: string; warnings: string[] }> {
  const { record, warnings } = await context.network.createNetwork(spec);
  publishNetworkEvent(context.events, 'create', record);
  return { id: record.id, warnings: [...warnings] };
}

export async function removeNetwork(context: EngineContext, ref: string): Promise<void> {
  const record = findNetwork(context.network, ref);
  if (record.predefined) throw forbidden(`${record.name} is a pre-defined network and cannot be removed`);
  const active = context.network.endpoints(record.id);
  if (active.length > 0) {
    const names = active.map((endpoint) => context.table.get(endpoint.containerId)).filter((one) => one !== undefined);
    const list = names.map((one) => `name:"${one.name}" id:"${one.id.slice(0, 12)}"`).join(', ');
    throw forbidden(`error while removing network: network ${record.name} has active endpoints (${list})`);
  }
  await context.network.removeNetwork(record.id);
  publishNetworkEvent(context.events, 'destroy', record);
}

export function viewNetwork(context: EngineContext, record: NetworkRecord): NetworkView {
  const endpoints = context.network.endpoints(record.id).map((endpoint) => ({
    ...endpoint,
    containerName: context.table.get(endpoint.containerId)?.name ?? '',
  }));
  return { record, endpoints };
}

export function listNetworks(context: EngineContext, filters: Filters): NetworkView[] {
  const known = new Set(['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type']);
  for (const name of Object.keys(filters)) if (!known.has(name)) throw invalid(`invalid filter '${name}'`);
  for (const type of filters['type'] ?? []) {
    if (type !== 'custom' && type !== 'builtin') throw invalid(`invalid filter: 'type'='${type}'`);
  }
  const any = (name: string, test: (value: string) => boolean): boolean => !filters[name]?.length || filters[name].some(test);
  const dangling = booleanFilter(filters, 'dangling');
  return context.network
    .networks()
    .filter((network) => any('driver', (driver) => network.driver === driver))
    .filter((network) => any('id', (id) => network.id.startsWith(id)))
    .filter((network) => any('name', (name) => matchesName(network.name, name)))
    .filter((network) => any('scope', (scope) => network.scope === scope))
    .filter((network) => any('type', (type) => (type === 'builtin') === network.predefined))
    .filter((network) => matchesLabels(network.labels, filters['label'] ?? []))
    .filter((network) => dangling === undefined || (!network.predefined && dangling === !inUse(context, network.id)))
    .map((network) => viewNetwork(context, network));
}

function matchesName(name: string, pattern: string): boolean {
  if (name.includes(pattern)) return true;
  try {
    return new RegExp(pattern).test(name);
  } catch {
    return false;
  }
}

function inUse(context: EngineContext, networkId: string): boolean {
  return context.network.endpoints(networkId).length > 0;
}

export async function pruneNetworks(context: EngineContext, filters: Filters): Promise<string[]> {
  for (const name of Object.keys(filters)) if (!['until', 'label', 'label!'].includes(name)) throw invalid(`invalid filter '${name}'`);
  const untilMs = filters['until']?.[0] === undefined ? Infinity : parseUntilMs(filters['until'][0], context.clock.now());
  const deleted: string[] = [];
  for (const network of context.network.networks()) {
    if (network.predefined || inUse(context, network.id)) continue;
    if (Date.parse(network.createdAt) > untilMs) continue;
    if (!matchesLabels(network.labels, filters['label'] ?? []) || !lacksLabels(network.labels, filters['label!'] ?? [])) continue;
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
  const { id } = context.table.find(containerRef);
  return context.lock.run(id, async () => {
    const record = context.table.find(id);
    const network = findNetwork(context.network, networkRef);
    checkConnectable(record, network);
    const connection: Connection = { networkId: network.id, networkName: network.name, spec };
    context.network.checkConnection(connection);
    const connected: ContainerRecord = { ...record, connections: [...record.connections, connection] };
    if (isUp(record)) await context.network.connect(id, connection);
    await context.table.save(connected);
    await rememberNames(context, connected);
    if (isUp(record)) publishNetworkEvent(context.events, 'connect', network, { container: id });
  });
}

function checkConnectable(record: ContainerRecord, network: NetworkRecord): void {
  const kind = networkModeKind(record.spec.connection.networkMode);
  if (kind === 'container') throw conflict('container sharing network namespace with another container or host cannot be connected to any other network');
  if (kind === 'host' || network.driver === 'host') {
    throw conflict('container cannot be disconnected from host network or connected to host network');
  }
  if (kind === 'none' || network.driver === 'null') {
    throw conflict('container cannot be connected to multiple networks with one of the networks in private (none) mode');
  }
  if (record.state.status === 'removing' || record.state.status === 'dead') {
    throw conflict(`Container ${record.id} is marked for removal and cannot be connected or disconnected to the network`);
  }
  if (record.connections.some((one) => one.networkId === network.id)) {
    throw forbidden(`endpoint with name ${record.name} already exists in network ${network.name}`);
  }
}

export async function disconnectContainer(context: EngineContext, networkRef: string, containerRef: string, force: boolean): Promise<void> {
  const network = findNetwork(context.network, networkRef);
  const found = context.table.tryFind(containerRef);
  if (!found) {
    if (!force) context.table.find(containerRef);
    return;
  }
  const { id } = found;
  await context.lock.run(id, async () => {
    const record = context.table.find(id);
    if (network.driver === 'host') throw conflict('container cannot be disconnected from host network or connected to host network');
    const connected = record.connections.some((one) => one.networkId === network.id);
    if (!connected) throw forbidden(`container ${id} is not connected to network ${network.name}`);
    if (isUp(record)) await context.network.disconnect(id, network.id);
    const left: ContainerRecord = { ...record, connections: record.connections.filter((one) => one.networkId !== network.id) };
    await context.table.save(left);
    await rememberNames(context, left);
    publishNetworkEvent(context.events, 'disconnect', network, { container: id });
  });
}
