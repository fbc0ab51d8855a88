/**
 * When the daemon starts: the store and what runs are reconciled. Containers that run are adopted, those that ended
 * meanwhile get their exit handled, half-done removals are finished, what has no owner is removed, and restart policies
 * are applied.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { formatTimeNs, type Clock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import type { Connection, ContainerRecord, Link } from '../model/container.ts';
import type { AsideRecord } from '../store/aside.ts';
import type { HandleExit, RuntimeExit } from './container/container-exit.ts';
import type { ContainerLogs } from './container/container-logs.ts';
import { bundleOf, cgroupsPathOf } from './container/container-paths.ts';
import { withPortBindings } from './container/container-ports.ts';
import type { RemoveHeld } from './container/container-remove.ts';
import { isUp } from './container/container-stop.ts';
import type { ContainerTable } from './container/container-table.ts';
import { followLostLinks, setLiveLinks, type FollowNeeds } from './container/followed-links.ts';
import type { HealthMonitor } from './container/health-monitor.ts';
import type { Held } from './container/held.ts';
import { knownContainer, rememberNames } from './container/known-names.ts';
import { settlePart, type SettleNeeds } from './container/settle-part.ts';
import type { RunFiles } from './container/run-files.ts';
import { networkOwnerId, releaseNetwork, type ReleaseNeeds } from './container/shared-network.ts';
import type { EngineConfig } from './engine-config.ts';
import type { NetworkRecovery, RootfsRecovery, RuntimeRecovery } from './ports.ts';
import type { VolumeService } from './volume/volume-service.ts';

export type RestoreNeeds = ReleaseNeeds &
  SettleNeeds &
  FollowNeeds & {
    readonly config: Pick<EngineConfig, 'dataRoot' | 'execRoot' | 'cgroupParent' | 'defaultRuntime'>;
    readonly containers: Pick<ContainerTable, 'all' | 'get'>;
    /** Containers whose records cannot be read, by id: nothing of them is touched. */
    readonly setAside: ReadonlyMap<string, AsideRecord>;
    readonly network: NetworkRecovery;
    readonly rootfs: RootfsRecovery;
    readonly files: Pick<RunFiles, 'unmountLeft'>;
    readonly runtime: RuntimeRecovery;
    readonly volumes: Pick<VolumeService, 'settle'>;
    readonly logs: Pick<ContainerLogs, 'recover'>;
    readonly health: Pick<HealthMonitor, 'watch'>;
    readonly clock: Clock;
    readonly handleExit: HandleExit;
    readonly remove: RemoveHeld;
  };

const RECOVERY_ATTEMPTS = 4;
const RECOVERY_PAUSE_MS = 250;

export async function restoreContainers(needs: RestoreNeeds): Promise<void> {
  const { containers, runtime } = needs;
  const missed = new Map<string, RuntimeExit>();
  const live = new Map<string, number>();
  await Promise.all(
    containers
      .all()
      .filter(isUp)
      .map(async (record) => {
        const found = await recovered(needs, record);
        if (found.running) live.set(record.id, found.pid);
        else missed.set(record.id, { code: found.exitCode, oomKilled: found.oomKilled, at: found.at });
      }),
  );
  await Promise.all(containers.all().map((record) => recoverLog(needs, record, live.has(record.id))));
  const unread = await runningUnread(needs);
  await Promise.all(
    runtime
      .knownIds()
      .filter((id) => !live.has(id) && !missed.has(id) && !needs.setAside.has(id))
      .map((id) => dropHalfStarted(needs, id)),
  );
  // Sandboxes of containers whose exit was missed are still there: settling the exit takes them down.
  // So are those of containers that do not run, and whose network others live in.
  const owners = [...live.keys()].flatMap((id) => {
    const record = containers.get(id);
    return (record && networkOwnerId(containers, record)) ?? [];
  });
  await needs.network.restore(
    new Set([...live.keys(), ...missed.keys(), ...owners, ...unread]),
    containers.all().map(knownContainer),
  );
  // Before anything can be started again: later, it could be the mount of a restart that is under way.
  await unmountLeftovers(needs);
  for (const [id, pid] of live) await containers.lockedEvenIfGone(id, async (held) => held && adopt(needs, held, pid));
  for (const [id, exit] of missed) await needs.handleExit(id, exit);
  for (const { id } of containers.all()) {
    await containers.lockedEvenIfGone(id, async (held) => {
      if (held && !isUp(held.record) && held.record.state.status !== 'restarting' && needs.network.sandbox(id))
        await releaseNetwork(needs, held.record);
    });
  }
  await finishRemovals(needs);
  await followLostLinks(needs);
  await removeOrphans(needs);
}

/** What of its output has not come to the log yet; that this fails keeps no container from being adopted. */
async function recoverLog(needs: RestoreNeeds, record: ContainerRecord, runs: boolean): Promise<void> {
  await needs.logs
    .recover(record, runs)
    .catch((error: unknown) =>
      needs.log.warn({ container: record.id, error: errorMessage(error) }, 'the log of a container is not written on'),
    );
}

/** A temporary failure (e.g. no descriptor) is retried: a container that runs must not count as one that has ended. */
async function recovered(needs: RestoreNeeds, record: ContainerRecord): ReturnType<RuntimeRecovery['recover']> {
  const { runtime, log, clock } = needs;
  const { id } = record;
  for (let attempt = 1; ; attempt++) {
    try {
      return await runtime.recover(id, runOf(needs, record));
    } catch (error) {
      log.warn({ container: id, error: errorMessage(error) }, 'a container could not be recovered');
      if (attempt === RECOVERY_ATTEMPTS)
        return { running: false, exitCode: 255, oomKilled: false, at: formatTimeNs(clock.nowNs()) };
      await new Promise((resolve) => setTimeout(resolve, RECOVERY_PAUSE_MS));
    }
  }
}

/** What the record says of the run, as the start told the runtime. */
function runOf(needs: RestoreNeeds, record: ContainerRecord): Parameters<RuntimeRecovery['recover']>[1] {
  const { tty, openStdin, stdinOnce } = record.spec.process;
  return {
    id: record.id,
    bundle: bundleOf(needs.config, record.id),
    runtime: record.spec.host.runtime || needs.config.defaultRuntime,
    tty,
    openStdin,
    stdinOnce,
    cgroupsPath: cgroupsPathOf(needs.config, record),
  };
}

/** Containers that run and whose records cannot be read: they, and their network, are left as they are. */
async function runningUnread(needs: RestoreNeeds): Promise<string[]> {
  const running: string[] = [];
  for (const id of needs.setAside.keys()) {
    const found = await needs.runtime.recover(id).catch(() => undefined);
    if (found?.running !== true) continue;
    running.push(id);
    needs.log.error(
      { container: id, pid: found.pid },
      'a container runs whose record cannot be read: it is left alone, and cannot be worked with until the record is mended',
    );
  }
  return running;
}

/** A daemon that died while it made or started a container: the runtime has it, and no record says that it runs. */
async function dropHalfStarted(needs: RestoreNeeds, id: string): Promise<void> {
  try {
    const record = needs.containers.get(id);
    const { running } = await needs.runtime.recover(id, record && runOf(needs, record));
    if (running) await needs.runtime.delete(id, { force: true });
    needs.runtime.forgetExit(id);
    needs.log.info(
      { container: id },
      running
        ? 'a start that was cut off is undone'
        : 'what a run has left with the runtime is removed: it does not run',
    );
  } catch (error) {
    needs.log.warn(
      { container: id, error: errorMessage(error) },
      'what a run has left with the runtime could not be removed',
    );
  }
}

/**
 * A change of a running container is passed to the network and saved in the record, one after the other, and a daemon
 * may die between the two. What it is connected to and publishes is what the network says, as its processes live with
 * it; what it is called and what it links to is what the record says, which is saved first.
 */
async function reconcile(needs: RestoreNeeds, held: Held): Promise<void> {
  const { id, record } = held;
  const live = needs.network.request(id);
  if (!live) return;
  const ids = (connections: readonly Connection[]) => connections.map((connection) => connection.networkId).join();
  const [there, notThere] = [
    record.connections.filter(({ networkId }) => networkId !== ''),
    record.connections.filter(({ networkId }) => networkId === ''),
  ];
  const links = (list: readonly Link[]) => list.map((link) => `${link.sourceId}:${link.alias}`).join();
  if (live.mode === 'networks' && ids(live.connections) !== ids(there)) {
    needs.log.info({ container: record.id }, 'a change of its networks is completed');
    await rememberNames(
      needs.network,
      await held.save((now) => ({ ...now, connections: [...notThere, ...live.connections] })),
    );
  }
  const portBindings = JSON.stringify(live.portBindings);
  if (live.mode === 'networks' && portBindings !== JSON.stringify(record.spec.connection.portBindings)) {
    needs.log.info({ container: record.id }, 'a change of its published ports is completed');
    await held.save((now) => withPortBindings(now, live.portBindings));
  }
  if (live.containerName !== record.name) await needs.network.rename(record.id, record.name);
  const wanted = record.links.filter((link) => needs.containers.get(link.sourceId));
  const present = live.links.filter((link) => needs.containers.get(link.sourceId));
  if (links(present) !== links(wanted)) await setLiveLinks(needs, record.id, record.links);
}

async function adopt(needs: RestoreNeeds, held: Held, pid: number): Promise<void> {
  if (!isUp(held.record)) return; // it has ended since it was looked for, and that is dealt with
  await reconcile(needs, held);
  const { id } = held;
  // A daemon that died between saving `running` and starting left a container that was only created.
  const status = needs.runtime.isPaused(id) ? 'paused' : 'running';
  // A stop that a daemon's end cut off has not happened: policies count again.
  const adopted = held.update((record) => ({
    ...record,
    stoppedByUser: false,
    state: { ...record.state, pid, status },
  }));
  if (adopted.state.health?.status === 'unhealthy') await needs.network.setHealth(id, false);
  needs.health.watch(adopted);
  needs.log.info({ container: id, name: adopted.name, pid }, 'adopted a running container');
}

async function finishRemovals(needs: RestoreNeeds): Promise<void> {
  for (const record of needs.containers.all()) {
    const half = record.state.status === 'removing' || record.state.status === 'dead';
    const ended = record.spec.host.autoRemove && record.state.status === 'exited';
    if (!half && !ended) continue;
    await needs.containers
      .lockedEvenIfGone(record.id, async (held) => held && needs.remove(held, { volumes: true }))
      .catch((error: unknown) =>
        needs.log.warn({ container: record.id, error: errorMessage(error) }, 'a removal could not be finished'),
      );
  }
}

/**
 * Directories of containers that never became a record: a create that was cut off. And files that were being written.
 */
async function removeOrphans(needs: RestoreNeeds): Promise<void> {
  const dir = join(needs.config.dataRoot, 'containers');
  for (const { id, imageId } of needs.containers.all()) {
    if (needs.rootfs.relink(id, imageId))
      needs.log.warn(
        { container: id, image: imageId },
        'the file system of a container had lost its image, and has it again',
      );
  }
  const known = new Set([...needs.containers.all().map((record) => record.id), ...needs.setAside.keys()]);
  for (const id of await readdir(dir).catch(() => [])) {
    if (!known.has(id)) await rm(join(dir, id), { recursive: true, force: true });
    else
      for (const name of await readdir(join(dir, id)).catch(() => []))
        if (name.endsWith('.next')) await rm(join(dir, id, name), { force: true });
  }
  await needs.rootfs.retain(known);
  const report = (error: unknown): void =>
    needs.log.warn({ error: errorMessage(error) }, 'volumes that were cut off could not be settled');
  await needs.volumes.settle(report).catch(report);
}

/** Mounts of starts that were cut off, and of copies into stopped containers. */
async function unmountLeftovers(needs: RestoreNeeds): Promise<void> {
  for (const [directory, error] of needs.files.unmountLeft())
    needs.log.warn({ directory, error: errorMessage(error) }, 'what a start had mounted could not be unmounted');
  for (const { id } of needs.containers.all().filter((record) => !isUp(record))) {
    await needs.containers.lockedEvenIfGone(
      id,
      async (held) =>
        held && settlePart(needs, held, 'unmounting the file system of a container', () => needs.rootfs.unmount(id)),
    );
  }
}
