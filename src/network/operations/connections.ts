import { forbidden, invalid } from '../../base/errors.ts';
import type { UndoStack } from '../../base/undo.ts';
import type { Connection, Link } from '../../model/container.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import type { NetworkRecord } from '../../model/network.ts';
import type { Port, PublishedPort } from '../../model/port.ts';
import type { KnownContainer } from '../dns/resolution.ts';
import { driverNamed } from '../plan/drivers/registry.ts';
import { namespaceOn } from '../plan/network-policy.ts';
import { beforeDisconnectSteps, connectSteps, detachSteps, forgetSteps } from '../plan/sandbox-steps.ts';
import type { WantedPort } from '../ports/port-request.ts';
import { dnsNamesFor } from '../table/dns-names.ts';
import { assignPublished, publishedOf } from '../table/published.ts';
import type { JoinLink, JoinRequest, SandboxRecord } from '../table/sandbox.ts';
import type { StepRunner } from '../apply/step-runner.ts';
import type { Allocation } from './allocate.ts';
import type { ApplyChange } from './change.ts';
import { runningRecord, type ContainerLocks } from './container-locks.ts';
import { networkOf, type NetworkCore } from './core.ts';
import { publishMore, unpublish } from './publish.ts';
import type { ResolverFeed } from './resolver-feed.ts';

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

interface ConnectionNeeds extends Pick<NetworkCore, 'facts' | 'pendingRemovals' | 'ports' | 'resolution' | 'table'> {
  readonly allocation: Allocation;
  readonly apply: ApplyChange;
  readonly feed: Pick<ResolverFeed, 'names' | 'tell'>;
  readonly locks: ContainerLocks;
  readonly steps: Pick<StepRunner, 'completeTearDown'>;
}

export function createConnections(needs: ConnectionNeeds): Connections {
  const { allocation, apply, locks, pendingRemovals, ports, resolution, steps, table } = needs;
  return {
    async connect(containerId: string, connection: Connection): Promise<Endpoint> {
      return locks.exclusively(containerId, async (undo) => {
        const network = networkOf(needs, connection.networkId);
        const added = allocateConnection(needs, containerId, connection, network, undo);
        await pendingRemovals.of([added]);
        networkOf(needs, connection.networkId); // it may have been removed meanwhile
        const record = runningRecord(needs, containerId);
        const { sandbox, request } = record;
        const endpoints = [...sandbox.endpoints, added];
        const published = allocation.ports(
          { sandboxId: sandbox.id, request, endpoints, held: publishedOf(sandbox.endpoints) },
          undo,
        );
        const connected: JoinRequest = { ...request, connections: [...request.connections, connection] };
        const next = allocation.withEndpoints({ ...record, request: connected }, assignPublished(endpoints, published));
        const endpoint = next.sandbox.endpoints.at(-1)!;
        await apply(undo, {
          containerId,
          next,
          known: connected,
          steps: connectSteps(record, next, endpoint, table, needs.facts),
        });
        return endpoint;
      });
    },

    async disconnect(containerId: string, networkId: string): Promise<void> {
      await locks.exclusively(containerId, async (undo) => {
        const record = runningRecord(needs, containerId);
        const network = networkOf(needs, networkId);
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
        const next = allocation.withEndpoints(
          { ...record, request: disconnected, sandbox: { ...sandbox, mode } },
          assignPublished(rest, published),
        );
        await apply(undo, {
          containerId,
          next,
          known: disconnected,
          steps: beforeDisconnectSteps(record, next),
        });
        undo.release();
        await steps.completeTearDown(`disconnecting container ${containerId} from network ${network.name}`, [
          ...detachSteps(record, endpoint, table),
          ...forgetSteps([endpoint]),
        ]);
        allocation.releaseAddresses([endpoint]);
        if (published.length > 0 && publishedOf(next.sandbox.endpoints).length === 0) ports.release(sandbox.id);
      });
    },

    async publish(containerId: string, wanted: readonly WantedPort[]): Promise<readonly PublishedPort[]> {
      return locks.exclusively(containerId, (undo) =>
        publishMore(needs, runningRecord(needs, containerId), wanted, undo),
      );
    },

    async unpublish(containerId: string, gone: readonly PublishedPort[]): Promise<void> {
      await locks.exclusively(containerId, (undo) => unpublish(needs, runningRecord(needs, containerId), gone, undo));
    },

    async rename(containerId: string, name: string): Promise<void> {
      await locks.exclusively(containerId, async (undo) => {
        const known = resolution.known(containerId);
        const record = table.sandbox(containerId);
        if (!record) return renameKnown(needs, known && { ...known, containerName: name }, undo);
        const request: JoinRequest = { ...record.request, containerName: name };
        const endpoints = record.sandbox.endpoints.map((endpoint): Endpoint => ({
          ...endpoint,
          dnsNames: dnsNamesFor(
            { id: containerId, name, hostname: request.hostname },
            endpoint,
            networkOf(needs, endpoint.networkId),
          ),
        }));
        ports.rename(containerId, name);
        undo.push('name of port owner', () => ports.rename(containerId, record.request.containerName));
        await apply(undo, {
          containerId,
          next: { ...record, request, sandbox: { ...record.sandbox, endpoints } },
          known: known && { ...known, containerName: name },
          steps: [],
        });
      });
    },

    async setLinks(
      containerId: string,
      links: readonly (Link & { readonly ports?: readonly Port[] })[],
    ): Promise<void> {
      await locks.exclusively(containerId, async (undo) => {
        const record = runningRecord(needs, containerId);
        const old = record.request.links;
        const resolved = links.map((link): JoinLink => {
          const known = old.find((one) => one.sourceId === link.sourceId)?.ports;
          return { ...link, ports: link.ports ?? known ?? table.sandbox(link.sourceId)?.request.exposedPorts ?? [] };
        });
        const next: SandboxRecord = { ...record, request: { ...record.request, links: resolved } };
        await apply(undo, { containerId, next, steps: [] });
      });
    },
  };
}

/** Of a container that does not run: its names are answered, and empty. */
async function renameKnown(
  { feed, resolution }: Pick<ConnectionNeeds, 'feed' | 'resolution'>,
  renamed: KnownContainer | undefined,
  undo: UndoStack,
): Promise<void> {
  if (!renamed) return;
  const { containerId } = renamed;
  const before = resolution.known(containerId);
  undo.push('name', () => {
    if (before) resolution.remember(before);
    return feed.tell(feed.names(containerId));
  });
  resolution.remember(renamed);
  await feed.tell(feed.names(containerId));
}

function allocateConnection(
  needs: Pick<ConnectionNeeds, 'allocation' | 'table'>,
  containerId: string,
  connection: Connection,
  network: NetworkRecord,
  undo: UndoStack,
): Endpoint {
  const { sandbox, request } = runningRecord(needs, containerId);
  if (sandbox.mode === 'host' || namespaceOn(network) === 'host')
    throw invalid(
      'container sharing network namespace with another container or host cannot be connected to any other network',
    );
  if (sandbox.mode === 'none' || !driverNamed(network.driver).policy.connectable) {
    throw invalid('container cannot be connected to multiple networks with one of the networks in private (none) mode');
  }
  if (needs.table.endpoint(network.id, containerId))
    throw forbidden(`endpoint with name ${request.containerName} already exists in network ${network.name}`);
  return needs.allocation.endpoint(request, connection, sandbox.endpoints, undo);
}
