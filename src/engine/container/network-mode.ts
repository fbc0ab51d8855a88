/** The meaning of a container's NetworkMode, and the connections that follow from it. */
import { invalid } from '../../base/errors.ts';
import type { Connection, ConnectionSpec } from '../../model/container.ts';
import { EMPTY_ENDPOINT_SPEC, type Endpoint } from '../../model/endpoint.ts';
import { tryFindNetwork, type NetworkSource } from '../network/network-lookup.ts';

export type NetworkModeKind = 'host' | 'none' | 'container' | 'bridge' | 'user';

export function networkModeKind(mode: string): NetworkModeKind {
  if (mode === 'host' || mode === 'none') return mode;
  if (mode === '' || mode === 'default' || mode === 'bridge') return 'bridge';
  return mode.startsWith('container:') ? 'container' : 'user';
}

/** 'container:REF' -> REF: in NetworkMode, IpcMode and PidMode. */
export function joinedContainerRef(mode: string): string {
  return mode.slice('container:'.length);
}

/**
 * The connections to make: to the networks that the request names, and to that of the NetworkMode only where it names
 * none, as in Docker. A network that does not exist yet keeps an empty id: Docker refuses it at start, not at create.
 */
export function connectionsOf(spec: ConnectionSpec, source: NetworkSource): Connection[] {
  const kind = networkModeKind(spec.networkMode);
  if (kind === 'container') return [];
  const modeRef = kind === 'bridge' ? 'bridge' : spec.networkMode;
  const named = Object.entries(spec.networks);
  const connections = new Map<string, Connection>();
  for (const [ref, endpoint] of named.length > 0 ? named : [[modeRef, EMPTY_ENDPOINT_SPEC] as const]) {
    const network = tryFindNetwork(source, ref);
    const key = network?.id ?? ref;
    connections.set(key, { networkId: network?.id ?? '', networkName: network?.name ?? ref, spec: endpoint });
  }
  const list = [...connections.values()];
  refuseTogether(kind, list);
  // What is asked for the container as a whole is for the mode's own network, whatever the order of the map.
  const own = tryFindNetwork(source, modeRef)?.name ?? modeRef;
  return list.toSorted((a, b) => Number(b.networkName === own) - Number(a.networkName === own));
}

/** In Docker's words, some of which it has at start only. */
function refuseTogether(kind: NetworkModeKind, connections: readonly Connection[]): void {
  const has = (name: string) => connections.some(({ networkName }) => networkName === name);
  if (kind === 'host' && (!has('host') || connections.length > 1))
    throw invalid(
      'container sharing network namespace with another container or host cannot be connected to any other network',
    );
  if (kind !== 'host' && has('host'))
    throw invalid('cannot connect container to host network - container must be created in host network mode');
  if (has('none') && connections.length > 1)
    throw invalid('container cannot be connected to multiple networks with one of the networks in private (none) mode');
}

/** Whether it is connected to the network without any interface, whatever its NetworkMode says. */
export function isWithoutNetwork(connections: readonly Connection[]): boolean {
  return connections.some(({ networkName }) => networkName === 'none');
}

/** With the name of the interface that it got, for the runs that come. */
export function withInterface(connection: Connection, endpoint: Endpoint | undefined): Connection {
  return endpoint && endpoint.ifname !== '' ? { ...connection, ifname: endpoint.ifname } : connection;
}
