import { forbidden, invalid } from '../../base/errors.ts';
import type { KeyedLock } from '../../base/keyed-lock.ts';
import type { UndoStack } from '../../base/undo.ts';
import type { Connection, Link } from '../../model/container.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import type { NetworkRecord } from '../../model/network.ts';
import type { Port, PublishedPort } from '../../model/port.ts';
import { driverNamed } from '../plan/drivers/registry.ts';
import { namespaceOn } from '../plan/network-policy.ts';
import { beforeDisconnectSteps, connectSteps, detachSteps, forgetSteps } from '../plan/sandbox-steps.ts';
import type { WantedPort } from '../ports/port-request.ts';
import { dnsNamesFor } from '../table/dns-names.ts';
import { assignPublished, publishedOf } from '../table/published.ts';
import type { JoinLink, JoinRequest, SandboxRecord } from '../table/sandbox.ts';
import { allocateEndpoint, allocatePorts, releaseAddresses, withEndpoints } from './allocate.ts';
import { applyChange, completeTearDown } from './change.ts';
import { exclusively, runningRecord } from './container-locks.ts';
import { networkOf, type NetworkCore } from './core.ts';
import { rememberAgain } from './known-containers.ts';
import { publishMore, unpublish } from './publish.ts';

/** What changes of a container that runs. */
export interface Connections {
  /** Connects a running container to one more network. */
  connect(containerId: string, connection: Connection): Promise<Endpoint>;
  /** Disconnects a running container from a network. */
  disconnect(containerId: string, networkId: string): Promise<void>;
  /**
   * Publishes more ports of a running container, and keeps in its request that they are wanted. Returns what it got.
   * Throws `conflict` where none of its networks has external connectivity, and Docker's refusals for what is taken.
   */
  publish(containerId: string, wanted: readonly WantedPort[]): Promise<readonly PublishedPort[]>;
  /** Takes back published ports of a running container, and that they are wanted; flows through them end. */
  unpublish(containerId: string, ports: readonly PublishedPort[]): Promise<void>;
  /** The container's new name, wherever it shows: DNS, the hosts files of what links to it, refusals. */
  rename(containerId: string, name: string): Promise<void>;
  /**
   * Replaces a running container's links on the default bridge. Without `ports`, what is known of the source counts.
   */
  setLinks(containerId: string, links: readonly (Link & { readonly ports?: readonly Port[] })[]): Promise<void>;
}

export function createConnections(core: NetworkCore, locks: KeyedLock): Connections {
  return {
    async connect(containerId: string, connection: Connection): Promise<Endpoint> {
      return exclusively(core, locks, containerId, async (undo) => {
        const { table, facts, pendingRemovals } = core;
        const network = networkOf(core, connection.networkId);
        const added = allocateConnection(core, containerId, connection, network, undo);
        await pendingRemovals.of([added]);
        const record = runningRecord(core, containerId);
        const { sandbox, request } = record;
        const endpoints = [...sandbox.endpoints, added];
        const ports = allocatePorts(
          core,
          { sandboxId: sandbox.id, request, endpoints, held: publishedOf(sandbox.endpoints) },
          undo,
        );
        const connected: JoinRequest = { ...request, connections: [...request.connections, connection] };
        const next = withEndpoints(core, { ...record, request: connected }, assignPublished(endpoints, ports));
        const endpoint = next.sandbox.endpoints.at(-1)!;
        rememberAgain(core, connected, request, undo);
        await applyChange(core, undo, { containerId, next, steps: connectSteps(record, next, endpoint, table, facts) });
        return endpoint;
      });
    },

    async disconnect(containerId: string, networkId: string): Promise<void> {
      await exclusively(core, locks, containerId, async (undo) => {
        const { table, ports } = core;
        const record = runningRecord(core, containerId);
        const network = networkOf(core, networkId);
        const { sandbox, request } = record;
        const endpoint = table.endpoint(networkId, containerId);
        if (!endpoint) throw forbidden(`container ${containerId} is not connected to network ${network.name}`);
        const published = publishedOf(sandbox.endpoints);
        const rest = sandbox.endpoints.filter((candidate) => candidate.id !== endpoint.id);
        // Without the network `none`, others can be connected.
        const mode = namespaceOn(network) === 'none' ? 'networks' : request.mode;
        const disconnected: JoinRequest = {
          ...request,
          mode,
          connections: request.connections.filter((connection) => connection.networkId !== networkId),
        };
        const next = withEndpoints(
          core,
          { ...record, request: disconnected, sandbox: { ...sandbox, mode } },
          assignPublished(rest, published),
        );
        rememberAgain(core, disconnected, request, undo);
        await applyChange(core, undo, { containerId, next, steps: beforeDisconnectSteps(record, next) });
        undo.release();
        await completeTearDown(core, `disconnecting container ${containerId} from network ${network.name}`, [
          ...detachSteps(record, endpoint, table),
          ...forgetSteps([endpoint]),
        ]);
        releaseAddresses(core, [endpoint]);
        if (published.length > 0 && publishedOf(next.sandbox.endpoints).length === 0) ports.release(sandbox.id);
      });
    },

    async publish(containerId: string, wanted: readonly WantedPort[]): Promise<readonly PublishedPort[]> {
      return exclusively(core, locks, containerId, (undo) =>
        publishMore(core, runningRecord(core, containerId), wanted, undo),
      );
    },

    async unpublish(containerId: string, ports: readonly PublishedPort[]): Promise<void> {
      await exclusively(core, locks, containerId, (undo) =>
        unpublish(core, runningRecord(core, containerId), ports, undo),
      );
    },

    async rename(containerId: string, name: string): Promise<void> {
      await exclusively(core, locks, containerId, async (undo) => {
        const { resolution, table, ports, resolver } = core;
        const known = resolution.known(containerId);
        if (known) {
          resolution.remember({ ...known, containerName: name });
          undo.push('name', () => resolution.remember(known));
        }
        const record = table.sandbox(containerId);
        if (!record) {
          const changes = resolution.containerChanges(containerId);
          if (changes.length > 0) await resolver.apply(changes);
          return;
        }
        const request: JoinRequest = { ...record.request, containerName: name };
        const endpoints = record.sandbox.endpoints.map((endpoint): Endpoint => ({
          ...endpoint,
          dnsNames: dnsNamesFor(
            { id: containerId, name, hostname: request.hostname },
            endpoint,
            networkOf(core, endpoint.networkId),
          ),
        }));
        ports.rename(containerId, name);
        undo.push('name of port owner', () => ports.rename(containerId, record.request.containerName));
        await applyChange(core, undo, {
          containerId,
          next: { ...record, request, sandbox: { ...record.sandbox, endpoints } },
          steps: [],
        });
      });
    },

    async setLinks(
      containerId: string,
      links: readonly (Link & { readonly ports?: readonly Port[] })[],
    ): Promise<void> {
      await exclusively(core, locks, containerId, async (undo) => {
        const { table } = core;
        const record = runningRecord(core, containerId);
        const old = record.request.links;
        const resolved = links.map((link): JoinLink => {
          const known = old.find((one) => one.sourceId === link.sourceId)?.ports;
          return { ...link, ports: link.ports ?? known ?? table.sandbox(link.sourceId)?.request.exposedPorts ?? [] };
        });
        const next: SandboxRecord = { ...record, request: { ...record.request, links: resolved } };
        await applyChange(core, undo, { containerId, next, steps: [] });
      });
    },
  };
}

function allocateConnection(
  core: NetworkCore,
  containerId: string,
  connection: Connection,
  network: NetworkRecord,
  undo: UndoStack,
): Endpoint {
  const { sandbox, request } = runningRecord(core, containerId);
  if (sandbox.mode === 'host' || namespaceOn(network) === 'host')
    throw invalid(
      'container sharing network namespace with another container or host cannot be connected to any other network',
    );
  if (sandbox.mode === 'none' || !driverNamed(network.driver).policy.connectable) {
    throw invalid('container cannot be connected to multiple networks with one of the networks in private (none) mode');
  }
  if (core.table.endpoint(network.id, containerId))
    throw forbidden(`endpoint with name ${request.containerName} already exists in network ${network.name}`);
  return allocateEndpoint(core, request, connection, sandbox.endpoints, undo);
}
