/** The meaning of a container's NetworkMode, and the connections that follow from it. */
import { invalid } from '../../base/errors.ts';
import type { Connection, ConnectionSpec } from '../../model/container.ts';
import { EMPTY_ENDPOINT_SPEC, type Endpoint, type EndpointSpec } from '../../model/endpoint.ts';
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
 * The connections to make, the NetworkMode's own first. A network that does not exist yet keeps an empty id: Docker
 * refuses it at start, not at create.
 */
export function connectionsOf(spec: ConnectionSpec, source: NetworkSource): Connection[] {
  const kind = networkModeKind(spec.networkMode);
  if (kind === 'container') return [];
  const modeRef = kind === 'bridge' ? 'bridge' : spec.networkMode;
  const connections = new Map<string, Connection>();
  const add = (ref: string, endpoint: EndpointSpec): void => {
    const network = tryFindNetwork(source, ref);
    const key = network?.id ?? ref;
    connections.set(key, { networkId: network?.id ?? '', networkName: network?.name ?? ref, spec: endpoint });
  };
  add(modeRef, EMPTY_ENDPOINT_SPEC); // the mode's own comes first whatever the order of the map
  for (const [ref, endpoint] of Object.entries(spec.networks)) add(ref, endpoint);
  if ((kind === 'host' || kind === 'none') && connections.size > 1) {
    throw invalid(
      kind === 'host'
        ? 'container sharing network namespace with another container or host cannot be connected to any other network'
        : 'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    );
  }
  return [...connections.values()];
}

/** With the name of the interface that it got, for the runs that come. */
export function withInterface(connection: Connection, endpoint: Endpoint | undefined): Connection {
  return endpoint && endpoint.ifname !== '' ? { ...connection, ifname: endpoint.ifname } : connection;
}
