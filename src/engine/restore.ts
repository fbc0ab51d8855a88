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
import type { Adoptions } from './adoptions.ts';
import type { HandleExit } from './container/container-exit.ts';
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
import { isStartedWithDaemon } from './container/restart-policy.ts';
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
    readonly adoptions: Adoptions;
  };

/** Containers that ran when this daemon came, by id: what has become of each, which may take a while to find out. */
export type Looked = ReadonlyMap<string, Promise<Recovered>>;
type Recovered = Awaited<ReturnType<RuntimeRecovery['recover']>>;

const RECOVERY_ATTEMPTS = 4;
const RECOVERY_PAUSE_MS = 250;

/**
 * Looks which of the containers that are said to run are alive, and takes their processes up: those can be shown from
 * then on, with the networks that the store has for them.
 */
export async function lookForLife(needs: RestoreNeeds): Promise<Looked> {
  const { adoptions, containers } = needs;
  const looked = new Map<string, Promise<Recovered>>();
  const alive: string[] = [];
  for (const record of containers.all()) {
    if (!isUp(record)) {
      adoptions.see(record.id);
      continue;
    }
    const found = recovered(needs, record);
    looked.set(record.id, found);
    void found.then(({ running }) => {
      if (!running) return; // it is shown when its end is dealt with
      alive.push(record.id);
      adoptions.see(record.id);
    });
  }
  // What lives is found at once; only for what has ended there may be something to wait for.
  await new Promise(setImmediate);
  needs.network.recall(new Set([...alive, ...ownersOf(needs, alive)]));
  return looked;
}

/** `keepClosed`: what lives is not for clients yet. */
export async function restoreContainers(
  needs: RestoreNeeds,
  given?: Looked,
  { keepClosed = false } = {},
): Promise<void> {
  const { adoptions, containers, runtime } = needs;
  const looked = given ?? (await lookForLife(needs));
  const idle = containers.all().filter(({ id }) => !looked.has(id));
  await Promise.all(idle.map((record) => recoverLog(needs, record, false)));
  const unread = await runningUnread(needs);
  await Promise.all(
    runtime
      .knownIds()
      .filter((id) => !looked.has(id) && !needs.setAside.has(id))
      .map((id) => dropHalfStarted(needs, id)),
  );
  // Sandboxes of containers whose exit was missed are still there: settling the exit takes them down.
  // So are those of containers that do not run, and whose network others live in.
  const ids = [...looked.keys()];
  await needs.network.restore(
    new Set([...ids, ...ownersOf(needs, ids), ...unread]),
    containers.all().map(knownContainer),
  );
  // Before anything can be started again: later, it could be the mount of a restart that is under way.
  await unmountLeftovers(needs, idle);
  await Promise.all(
    [...looked].map(async ([id, found]) => {
      await takeUp(needs, id, await found);
      adoptions.adopt(id);
      if (!keepClosed) openUnlessStarted(needs, id);
    }),
  );
  for (const { id } of containers.all()) {
    await containers.lockedEvenIfGone(id, async (held) => {
      if (held && !isUp(held.record) && held.record.state.status !== 'restarting' && needs.network.sandbox(id))
        await releaseNetwork(needs, held.record);
    });
  }
  await finishRemovals(needs, [...idle.map(({ id }) => id), ...ids]);
  for (const { id } of idle) openUnlessStarted(needs, id);
  await followLostLinks(needs);
  await removeOrphans(needs);
}

function ownersOf({ containers }: RestoreNeeds, ids: readonly string[]): string[] {
  return ids.flatMap((id) => {
    const record = containers.get(id);
    return (record && networkOwnerId(containers, record)) ?? [];
  });
}

/** Clients have it, but for one that is about to be started: they find it running. */
function openUnlessStarted({ adoptions, containers }: RestoreNeeds, id: string): void {
  const record = containers.get(id);
  if (!record || isUp(record) || !isStartedWithDaemon(record)) adoptions.open(id);
}

/** Adopts it, or deals with the exit that was missed. */
async function takeUp(needs: RestoreNeeds, id: string, found: Recovered): Promise<void> {
  const { containers } = needs;
  const record = containers.get(id);
  if (record) await recoverLog(needs, record, found.running);
  if (found.running) await containers.lockedEvenIfGone(id, async (held) => held && adopt(needs, held, found.pid));
  else await needs.handleExit(id, { code: found.exitCode, oomKilled: found.oomKilled, at: found.at });
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

/** Of those that were there: what a client removes meanwhile is its own affair. */
async function finishRemovals(needs: RestoreNeeds, ids: readonly string[]): Promise<void> {
  for (const record of ids.flatMap((id) => needs.containers.get(id) ?? [])) {
    if (needs.adoptions.isOpen(record.id) && record.state.status === 'removing') continue;
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
async function unmountLeftovers(needs: RestoreNeeds, idle: readonly ContainerRecord[]): Promise<void> {
  for (const [directory, error] of needs.files.unmountLeft())
    needs.log.warn({ directory, error: errorMessage(error) }, 'what a start had mounted could not be unmounted');
  for (const { id } of idle) {
    await needs.containers.lockedEvenIfGone(
      id,
      async (held) =>
        held && settlePart(needs, held, 'unmounting the file system of a container', () => needs.rootfs.unmount(id)),
    );
  }
}
