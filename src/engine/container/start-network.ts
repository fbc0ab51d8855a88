/**
 * How a container that is started is to be connected: to networks of its own, over links, or in another container's
 * network.
 */
import { conflict, invalid, notFound, systemError } from '../../base/errors.ts';
import type { Connection, ContainerRecord } from '../../model/container.ts';
import { parsePort } from '../../model/port.ts';
import { isNetworkSysctl } from '../../model/sysctl-name.ts';
import type { JoinRequest } from '../../network/service.ts';
import type { EngineConfig } from '../engine-config.ts';
import { findNetwork, tryFindNetwork, type NetworkSource } from '../network/network-lookup.ts';
import type { RunNetwork } from '../ports.ts';
import { containerPaths } from './container-paths.ts';
import type { ContainerTable } from './container-table.ts';
import { isWithoutNetwork, joinedContainerRef, networkModeKind } from './network-mode.ts';
import { networkOwnerId } from './shared-network.ts';

type Containers = Pick<ContainerTable, 'get' | 'tryFind'>;

/** Networks that did not exist at create must now, and so must the one that NetworkMode names. */
export function resolveNetworks(network: NetworkSource, record: ContainerRecord): ContainerRecord {
  const resolved = withNetworks(network, record);
  const mode = record.spec.connection.networkMode;
  if (networkModeKind(mode) === 'user' && !tryFindNetwork(network, mode))
    throw notFound(`could not find a network matching network mode ${mode}: network ${mode} not found`);
  return resolved;
}

function withNetworks(network: NetworkSource, record: ContainerRecord): ContainerRecord {
  const ids = new Set(network.networks().map(({ id }) => id));
  if (record.connections.every((connection) => ids.has(connection.networkId))) return record;
  const connections = record.connections.map((connection): Connection => {
    if (ids.has(connection.networkId)) return connection;
    // Of a daemon without a default bridge (--bridge=none) a container has no network, as in Docker, and has that
    // bridge's with the next daemon that has one.
    const found = (connection.networkName === 'bridge' ? tryFindNetwork : findNetwork)(network, connection.networkName);
    if (!found) return { ...connection, networkId: '' };
    return { ...connection, networkId: found.id, networkName: found.name };
  });
  return { ...record, connections };
}

export interface LinkedSource {
  readonly link: ContainerRecord['links'][number];
  readonly source: ContainerRecord;
}

/**
 * On the default bridge, every source must run, and be there too. One that no longer exists is left out, as Docker does:
 * its link is lost.
 */
export function checkLinks(containers: Containers, record: ContainerRecord): LinkedSource[] {
  if (!isOnDefaultBridge(record)) return [];
  const linked: LinkedSource[] = [];
  for (const link of record.links) {
    const source = containers.get(link.sourceId);
    if (!source) continue;
    if (source.state.status !== 'running' && source.state.status !== 'paused') {
      throw invalid(`Cannot link to a non running container: /${source.name} AS /${record.name}/${link.alias}`);
    }
    if (!isOnDefaultBridge(source)) throw systemError(`container ${source.id} not attached to default bridge network`);
    linked.push({ link, source });
  }
  return linked;
}

const isOnDefaultBridge = ({ connections }: ContainerRecord): boolean =>
  connections.some(({ networkName }) => networkName === 'bridge');

export function joinRequest(
  config: Pick<EngineConfig, 'dataRoot'>,
  record: ContainerRecord,
  linked: readonly LinkedSource[],
): JoinRequest {
  const { connection, process, host } = record.spec;
  const paths = containerPaths(config.dataRoot, record.id);
  const kind = networkModeKind(connection.networkMode);
  return {
    containerId: record.id,
    containerName: record.name,
    hostname: process.hostname,
    domainname: process.domainname,
    // Disconnected from the network `none`, it can be connected to others.
    mode: kind === 'host' ? 'host' : isWithoutNetwork(record.connections) ? 'none' : 'networks',
    connections: record.connections.filter(({ networkId }) => networkId !== ''),
    exposedPorts: connection.exposedPorts.map(parsePort),
    portBindings: connection.portBindings,
    publishAllPorts: connection.publishAllPorts,
    dns: connection.dns,
    dnsSearch: connection.dnsSearch,
    dnsOptions: connection.dnsOptions,
    extraHosts: connection.extraHosts,
    links: linked.map(({ link, source }) => ({
      ...link,
      sourceName: source.name,
      ports: source.spec.connection.exposedPorts.map(parsePort),
    })),
    macAddress: connection.macAddress,
    sysctls: Object.fromEntries(Object.entries(host.sysctls).filter(([name]) => isNetworkSysctl(name))),
    files: { hosts: paths.hosts, resolvConf: paths.resolvConf, hostname: paths.hostname },
  };
}

/**
 * Whose network it shares: the one that NetworkMode names, or the one which that one shares it from. Docker's refusals.
 */
export function joinedContainer(containers: Containers, record: ContainerRecord): ContainerRecord {
  const named = runningJoined(containers, record, joinedContainerRef(record.spec.connection.networkMode));
  const owner = networkOwnerId(containers, named);
  return owner === undefined ? named : runningJoined(containers, record, owner);
}

/** As it shares now: whose network it is by id, as names go to others, and the hostname and domain of that one. */
export function sharing(record: ContainerRecord, owner: ContainerRecord): ContainerRecord {
  const { process, connection } = record.spec;
  const { hostname, domainname } = owner.spec.process;
  const named = joinedContainerRef(connection.networkMode);
  const networkMode =
    owner.id.startsWith(named) || owner.name === named ? `container:${owner.id}` : connection.networkMode;
  return {
    ...record,
    networkOwnerId: owner.id,
    spec: { ...record.spec, process: { ...process, hostname, domainname }, connection: { ...connection, networkMode } },
  };
}

function runningJoined(containers: Containers, record: ContainerRecord, ref: string): ContainerRecord {
  const joined = containers.tryFind(ref);
  if (!joined) throw notFound(`joining network namespace of container: No such container: ${ref}`);
  if (joined.id === record.id) throw invalid('cannot join own network namespace');
  if (joined.state.status === 'restarting') {
    throw conflict(
      `cannot join network namespace of container: Container ${ref} is restarting, wait until the container is running`,
    );
  }
  if (joined.state.status !== 'running' && joined.state.status !== 'paused') {
    throw conflict(
      `cannot join network namespace of a non running container: container ${joined.name} is ${joined.state.status}`,
    );
  }
  return joined;
}

/** The namespace of the joined container; null where that one is on the host's network. */
export function joinedNetns(network: Pick<RunNetwork, 'sandbox'>, joined: ContainerRecord): string | null {
  const sandbox = network.sandbox(joined.id);
  if (!sandbox)
    throw conflict(`cannot join network namespace of a non running container: container ${joined.name} has none`);
  return sandbox.mode === 'host' ? null : sandbox.netns;
}
