/**
 * Containers that share another one's network (`--network container:X`). Their processes live in X's namespace and
 * cannot be moved to another, so the namespace outlives X's run as long as one of them runs: over a restart X's
 * networking stays as it is, at a stop its addresses, names and ports go and only the namespace stays, into which X
 * comes back.
 */
import type { ContainerRecord } from '../../model/container.ts';
import type { RunNetwork } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import { publishContainerEvent } from './container-events.ts';
import type { ContainerTable } from './container-table.ts';
import { joinedContainerRef, networkModeKind } from './network-mode.ts';

type Containers = Pick<ContainerTable, 'all' | 'tryFind'>;

export interface ReleaseNeeds {
  readonly containers: Containers;
  readonly network: Pick<RunNetwork, 'sandbox' | 'leave' | 'park' | 'releaseParked'>;
  readonly events: EventBus;
}

const MAX_STEPS = 32; // of containers that share from containers that share; more is a ring

/** The container that finally owns the network, which may be gone. Undefined for one that shares no other's. */
export function networkOwnerId(
  containers: Pick<ContainerTable, 'tryFind'>,
  record: ContainerRecord,
): string | undefined {
  if (record.state.pid !== 0 && record.networkOwnerId !== undefined) return record.networkOwnerId;
  let owner: string | undefined;
  let next: ContainerRecord | undefined = record;
  for (
    let step = 0;
    next && step < MAX_STEPS && networkModeKind(next.spec.connection.networkMode) === 'container';
    step++
  ) {
    owner = joinedContainerRef(next.spec.connection.networkMode);
    next = containers.tryFind(owner);
    owner = next?.id ?? owner;
  }
  return owner;
}

/** Running containers that share this one's network. */
export function sharersOf(containers: Containers, id: string): ContainerRecord[] {
  return containers
    .all()
    .filter((record) => record.state.pid !== 0 && record.id !== id && networkOwnerId(containers, record) === id);
}

/** The end of a container's own networking; what others need of it is kept. */
export async function releaseNetwork(needs: ReleaseNeeds, record: ContainerRecord): Promise<void> {
  const { containers, network, events } = needs;
  const { id } = record;
  const sharers = sharersOf(containers, id);
  if (sharers.length === 0) return network.leave(id);
  const lost = (network.sandbox(id)?.endpoints.length ?? 0) > 0;
  await network.park(id);
  // A container that would have released it may have ended meanwhile.
  if (sharersOf(containers, id).length === 0) await network.releaseParked(id);
  if (lost)
    for (const sharer of sharers)
      publishContainerEvent(events, sharer, 'network_lost', { container: id, containerName: record.name });
}

/** To be called when one that shared a network has ended. */
export async function sharerEnded(needs: ReleaseNeeds, record: ContainerRecord): Promise<void> {
  const owner = record.networkOwnerId;
  if (owner !== undefined && sharersOf(needs.containers, owner).length === 0) await needs.network.releaseParked(owner);
}

/** The owner of the network runs again. */
export function publishNetworkBack(needs: Omit<ReleaseNeeds, 'network'>, owner: ContainerRecord): void {
  for (const sharer of sharersOf(needs.containers, owner.id))
    publishContainerEvent(needs.events, sharer, 'network_back', { container: owner.id, containerName: owner.name });
}
