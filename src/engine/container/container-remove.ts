/**
 * `rm`, and what follows from it for links. A removal that failed half-way is finished at the next start of the daemon.
 */
import { tryAgainLater } from '../../base/again.ts';
import { Backlog } from '../../base/backlog.ts';
import { conflict, errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { removeTree } from '../../base/remove-tree.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { EngineConfig } from '../engine-config.ts';
import type { ExecTable } from '../exec/exec-table.ts';
import type { ContainerRootfs, KnownContainers } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import type { VolumeService } from '../volume/volume-service.ts';
import type { AttachHub } from './attach-hub.ts';
import { publishContainerEvent } from './container-events.ts';
import type { ContainerLogs } from './container-logs.ts';
import { containerPaths } from './container-paths.ts';
import { endRun, isUp, type StopNeeds } from './container-stop.ts';
import type { ContainerTable } from './container-table.ts';
import { lockToEnd } from './ending-lock.ts';
import type { ExitWaits } from './exit-waits.ts';
import { setLiveLinks, type LiveLinkNeeds } from './followed-links.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { Held } from './held.ts';
import type { RestartTimers } from './restart-policy.ts';
import { releaseNetwork, type ReleaseNeeds } from './shared-network.ts';

export type RemoveHeldNeeds = ReleaseNeeds & {
  readonly config: Pick<EngineConfig, 'dataRoot'>;
  readonly network: Pick<KnownContainers, 'forget'>;
  readonly rootfs: Pick<ContainerRootfs, 'remove'>;
  readonly volumes: Pick<VolumeService, 'get' | 'isUsed' | 'givingUp' | 'remove'>;
  readonly restarts: Pick<RestartTimers, 'forget'>;
  readonly health: Pick<HealthMonitor, 'forget'>;
  readonly attaches: Pick<AttachHub, 'abandon'>;
  readonly execs: Pick<ExecTable, 'containerRemoved'>;
  readonly logs: Pick<ContainerLogs, 'forget'>;
  readonly waits: Pick<ExitWaits, 'removed'>;
  readonly events: EventBus;
  /** Of files that nobody sees any more. */
  readonly deletions: Backlog;
  readonly log: Log;
};

/** Directories of removed containers: a removal waits for none of them, unless these come faster than a disk deletes. */
export const makeDeletions = (): Backlog => new Backlog({ atOnce: 4, room: 64 });

/** How a container is removed whose lock is held. */
export type RemoveHeld = (held: Held, options: { volumes: boolean }) => Promise<void>;

export type RemoveNeeds = StopNeeds &
  LiveLinkNeeds & {
    readonly containers: Pick<ContainerTable, 'byName' | 'locked'>;
    readonly remove: RemoveHeld;
  };

export async function removeContainer(
  needs: RemoveNeeds,
  ref: string,
  options: { force: boolean; volumes: boolean; link: boolean },
): Promise<void> {
  if (options.link) return removeLink(needs, ref);
  const record = needs.containers.find(ref);
  const { id } = record;
  if (record.state.status === 'removing') throw conflict(`removal of container ${ref} is already in progress`);
  if (!options.force) {
    refuseRunning(ref, record);
    return needs.containers.lockedEvenIfGone(id, (held) => removeStopped(needs.remove, ref, held, options));
  }
  for (;;) {
    const now = needs.containers.get(id);
    if (now) await endRun(needs, now, { signal: 'SIGKILL', timeoutS: 0 });
    const removed = await lockToEnd(needs, id, async (held) => {
      if (held && isUp(held.record)) return false; // a start that was under way came first
      await removeStopped(needs.remove, ref, held, options);
      return true;
    });
    if (removed) return;
  }
}

async function removeStopped(
  remove: RemoveHeld,
  ref: string,
  held: Held | undefined,
  options: { volumes: boolean },
): Promise<void> {
  if (!held) return;
  refuseRunning(ref, held.record);
  await remove(held, { volumes: options.volumes });
}

function refuseRunning(ref: string, record: ContainerRecord): void {
  const { status } = record.state;
  if (!isUp(record) && status !== 'restarting') return;
  const advice =
    status === 'paused'
      ? 'is paused and must be unpaused first'
      : `is ${status}: stop the container before removing or force remove`;
  throw conflict(`cannot remove container "${ref}": container ${advice}`);
}

/**
 * Removes a container that does not run. The record goes first, and with the same commit its volumes are given up: what
 * is left of one that is gone has no owner, and the next daemon start removes it; one that is listed is always whole.
 */
export async function removeHeld(needs: RemoveHeldNeeds, held: Held, options: { volumes: boolean }): Promise<void> {
  const { id, record } = held;
  needs.restarts.forget(id);
  needs.health.forget(id);
  const removing = held.update((now) => ({ ...now, state: { ...now.state, status: 'removing' } }));
  const volumes = options.volumes ? volumesThatGo(needs, removing) : [];
  try {
    if (needs.network.sandbox(id)) await releaseNetwork(needs, record); // it was to start again, with others in its network
    const givenUp = needs.volumes.givingUp(volumes, id);
    await held.remove(givenUp.changes);
    givenUp.done();
  } catch (error) {
    held.update((now) => ({ ...now, state: record.state }));
    throw error;
  }
  const { dir } = containerPaths(needs.config.dataRoot, id);
  // Files that nobody sees any more go beside. What a daemon leaves of them that ends before, the next one removes.
  const removeFiles = () => removeLeftover(needs, id, () => needs.logs.forget(id).then(() => removeTree(dir)));
  await needs.deletions.add(removeFiles);
  const leftovers = [
    () => needs.network.forget(id),
    () => needs.rootfs.remove(id),
    ...volumes.map((name) => () => removeGivenUp(needs, name)),
  ];
  await Promise.all(leftovers.map((remove) => removeLeftover(needs, id, remove)));
  needs.attaches.abandon(id);
  needs.execs.containerRemoved(id);
  publishContainerEvent(needs.events, record, 'destroy');
  needs.waits.removed(id, { exitCode: record.state.exitCode, error: '' });
}

/** The failure cannot be reported any more: it is retried in the background. */
async function removeLeftover(needs: RemoveHeldNeeds, id: string, remove: () => Promise<void>): Promise<void> {
  try {
    await remove();
  } catch (error) {
    needs.log.debug({ container: id, error: errorMessage(error) }, 'a part of a removed container stays for now');
    tryAgainLater(remove, (last) =>
      needs.log.warn(
        { container: id, error: errorMessage(last) },
        'what is left of a removed container stays until the daemon starts again',
      ),
    );
  }
}

/** Volumes that came with the container and that no other one uses. */
function volumesThatGo(needs: RemoveHeldNeeds, removing: ContainerRecord): string[] {
  return removing.mounts
    .filter(
      ({ type, name }) =>
        type === 'volume' && needs.volumes.get(name)?.anonymous === true && !needs.volumes.isUsed(name),
    )
    .map(({ name }) => name);
}

/** Unless it has come into use meanwhile, which also stores that it stays. */
async function removeGivenUp(needs: RemoveHeldNeeds, name: string): Promise<void> {
  if (!needs.volumes.isUsed(name)) await needs.volumes.remove(name, true);
}

/** `rm --link web/db`: the recipient forgets the link, also one whose source is gone; its source is not touched. */
async function removeLink(needs: RemoveNeeds, ref: string): Promise<void> {
  const name = ref.replace(/^\//, '');
  const slash = name.indexOf('/');
  const recipient = slash < 0 ? undefined : needs.containers.byName(name.slice(0, slash));
  const alias = name.slice(slash + 1);
  if (!recipient?.links.some((link) => link.alias === alias)) {
    const record = needs.containers.find(ref);
    throw conflict(`Conflict, cannot remove the default link name of the container: /${record.name}`);
  }
  await needs.containers.locked(recipient.id, async (held) => {
    const { record } = held;
    // Of several that share the alias, the one that the name resolves to.
    const gone =
      record.links.find((link) => link.alias === alias && needs.containers.get(link.sourceId)) ??
      record.links.find((link) => link.alias === alias);
    const links = record.links.filter((link) => link.alias !== alias || link.sourceId !== gone?.sourceId);
    await held.save((now) => ({ ...now, links }));
    if (isUp(record)) await setLiveLinks(needs, record.id, links);
  });
}
