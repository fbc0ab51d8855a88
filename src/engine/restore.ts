/**
 * When the daemon starts: what the store says and what lives are made one. Containers that run are adopted, those
 * that ended meanwhile get their exit dealt with, half-done removals are finished, what belongs to nobody is removed, and restart
 * policies get their say.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { formatTimeNs } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { within } from '../base/within.ts';
import type { Connection, ContainerRecord, Link } from '../model/container.ts';
import { followLostLinks, setLiveLinks } from './container/followed-links.ts';
import { withPortBindings } from './container/container-ports.ts';
import { handleExit, restartAfterExit, type RuntimeExit } from './container/container-exit.ts';
import { bundleOf, cgroupsPathOf } from './container/container-paths.ts';
import { removeHeld } from './container/container-remove.ts';
import { startHeld } from './container/container-start.ts';
import { isUp } from './container/container-stop.ts';
import type { Held } from './container/held.ts';
import { knownContainer, rememberNames } from './container/known-names.ts';
import { networkModeKind, joinedContainerRef } from './container/network-mode.ts';
import { settlePart } from './container/settle-part.ts';
import { networkOwnerId, releaseNetwork } from './container/shared-network.ts';
import { shouldStartWithDaemon } from './container/restart-policy.ts';
import type { EngineContext } from './engine-context.ts';

const RECOVERY_ATTEMPTS = 4;
const RECOVERY_PAUSE_MS = 250;

export async function restoreContainers(context: EngineContext): Promise<void> {
  const { containers, runtime } = context;
  const missed = new Map<string, RuntimeExit>();
  const live = new Map<string, number>();
  await Promise.all(
    containers.all().filter(isUp).map(async (record) => {
      const found = await recovered(context, record);
      if (found.running) live.set(record.id, found.pid);
      else missed.set(record.id, { code: found.exitCode, oomKilled: found.oomKilled, at: found.at });
    }),
  );
  const unread = await runningUnread(context);
  await Promise.all(runtime.knownIds().filter((id) => !live.has(id) && !missed.has(id) && !context.setAside.has(id)).map((id) => dropHalfStarted(context, id)));
  // Sandboxes of containers whose exit was missed are still there: settling the exit takes them down.
  // So are those of containers that do not run, and whose network others live in.
  const owners = [...live.keys()].flatMap((id) => networkOwnerId(context, containers.find(id)) ?? []);
  await context.network.restore(new Set([...live.keys(), ...missed.keys(), ...owners, ...unread]), containers.all().map(knownContainer));
  // Before anything can be started again: later, it could be the mount of a restart that is under way.
  await unmountLeftovers(context);
  for (const [id, pid] of live) await containers.lockedEvenIfGone(id, async (held) => held && adopt(context, held, pid));
  for (const [id, exit] of missed) await handleExit(context, id, exit);
  for (const { id } of containers.all()) {
    await containers.lockedEvenIfGone(id, async (held) => {
      if (held && !isUp(held.record) && held.record.state.status !== 'restarting' && context.network.sandbox(id)) await releaseNetwork(context, held.record);
    });
  }
  await finishRemovals(context);
  await followLostLinks(context);
  await removeOrphans(context);
}

/** What fails for a moment (no descriptor, say) is asked again: a container that runs must not count as one that has ended. */
async function recovered(context: EngineContext, record: ContainerRecord): ReturnType<EngineContext['runtime']['recover']> {
  const { runtime, log, clock } = context;
  const { id } = record;
  for (let attempt = 1; ; attempt++) {
    try {
      return await runtime.recover(id, runOf(context, record));
    } catch (error) {
      log.warn({ container: id, error: errorMessage(error) }, 'a container could not be recovered');
      if (attempt === RECOVERY_ATTEMPTS) return { running: false, exitCode: 255, oomKilled: false, at: formatTimeNs(clock.nowNs()) };
      await new Promise((resolve) => setTimeout(resolve, RECOVERY_PAUSE_MS));
    }
  }
}

/** What the record says of the run, as the start told the runtime. */
function runOf(context: EngineContext, record: ContainerRecord): Parameters<EngineContext['runtime']['recover']>[1] {
  const { tty, openStdin, stdinOnce } = record.spec.process;
  return { id: record.id, bundle: bundleOf(context, record.id), runtime: record.spec.host.runtime || context.config.defaultRuntime, tty, openStdin, stdinOnce, cgroupsPath: cgroupsPathOf(context, record) };
}

/** Containers that run and whose records cannot be read: they, and their network, are left as they are. */
async function runningUnread(context: EngineContext): Promise<string[]> {
  const running: string[] = [];
  for (const id of context.setAside.keys()) {
    const found = await context.runtime.recover(id).catch(() => undefined);
    if (found?.running !== true) continue;
    running.push(id);
    context.log.error({ container: id, pid: found.pid }, 'a container runs whose record cannot be read: it is left alone, and cannot be worked with until the record is mended');
  }
  return running;
}

/** A daemon that died while it started a container: the runtime has it, and no record says that it runs. */
async function dropHalfStarted(context: EngineContext, id: string): Promise<void> {
  try {
    const record = context.containers.get(id);
    const { running } = await context.runtime.recover(id, record && runOf(context, record));
    if (running) await context.runtime.delete(id, { force: true });
    context.runtime.forgetExit(id);
    context.log.info({ container: id }, 'a start that was cut off is undone');
  } catch (error) {
    context.log.warn({ container: id, error: errorMessage(error) }, 'a start that was cut off could not be undone');
  }
}

/**
 * A change of a running container is told to the network and saved in the record, one after the other, and a daemon may
 * die between the two. What it is connected to and publishes is what the network says, as its processes live with it; what it is called
 * and what it links to is what the record says, which is saved first.
 */
async function agree(context: EngineContext, held: Held): Promise<void> {
  const { id, record } = held;
  const live = context.network.request(id);
  if (!live) return;
  const ids = (connections: readonly Connection[]) => connections.map((connection) => connection.networkId).join();
  const links = (list: readonly Link[]) => list.map((link) => `${link.sourceId}:${link.alias}`).join();
  if (live.mode === 'networks' && ids(live.connections) !== ids(record.connections)) {
    context.log.info({ container: record.id }, 'a change of its networks is completed');
    await rememberNames(context, await held.save((now) => ({ ...now, connections: live.connections })));
  }
  const portBindings = JSON.stringify(live.portBindings);
  if (live.mode === 'networks' && portBindings !== JSON.stringify(record.spec.connection.portBindings)) {
    context.log.info({ container: record.id }, 'a change of its published ports is completed');
    await held.save((now) => withPortBindings(now, live.portBindings));
  }
  if (live.containerName !== record.name) await context.network.rename(record.id, record.name);
  const wanted = record.links.filter((link) => context.containers.get(link.sourceId));
  const present = live.links.filter((link) => context.containers.get(link.sourceId));
  if (links(present) !== links(wanted)) await setLiveLinks(context, record.id, record.links);
}

async function adopt(context: EngineContext, held: Held, pid: number): Promise<void> {
  if (!isUp(held.record)) return; // it has ended since it was looked for, and that is dealt with
  await agree(context, held);
  const { id } = held;
  // A daemon that died between saving `running` and starting left a container that was only created.
  const status = context.runtime.isPaused(id) ? 'paused' : 'running';
  // A stop that a daemon's end cut off has not happened: policies count again.
  const adopted = held.update((record) => ({ ...record, stoppedByUser: false, state: { ...record.state, pid, status } }));
  if (adopted.state.health?.status === 'unhealthy') await context.network.setHealth(id, false);
  context.health.watch(adopted);
  context.log.info({ container: id, name: adopted.name, pid }, 'adopted a running container');
}

async function finishRemovals(context: EngineContext): Promise<void> {
  for (const record of context.containers.all()) {
    const half = record.state.status === 'removing' || record.state.status === 'dead';
    const ended = record.spec.host.autoRemove && record.state.status === 'exited';
    if (!half && !ended) continue;
    await context.containers.lockedEvenIfGone(record.id, async (held) => held && removeHeld(context, held, { volumes: true })).catch((error: unknown) =>
      context.log.warn({ container: record.id, error: errorMessage(error) }, 'a removal could not be finished'),
    );
  }
}

/** Directories of containers that never became a record: a create that was cut off. And files that were being written. */
async function removeOrphans(context: EngineContext): Promise<void> {
  const dir = join(context.config.dataRoot, 'containers');
  for (const { id, imageId } of context.containers.all()) {
    if (context.rootfs.relink(id, imageId)) context.log.warn({ container: id, image: imageId }, 'the file system of a container had lost its image, and has it again');
  }
  const known = new Set([...context.containers.all().map((record) => record.id), ...context.setAside.keys()]);
  for (const id of await readdir(dir).catch(() => [])) {
    if (!known.has(id)) await rm(join(dir, id), { recursive: true, force: true });
    else for (const name of await readdir(join(dir, id)).catch(() => [])) if (name.endsWith('.next')) await rm(join(dir, id, name), { force: true });
  }
  await context.rootfs.retain(known);
  const report = (error: unknown): void => context.log.warn({ error: errorMessage(error) }, 'volumes that were cut off could not be settled');
  await context.volumes.settle(report).catch(report);
}

/** Mounts of starts that were cut off, and of copies into stopped containers. */
async function unmountLeftovers(context: EngineContext): Promise<void> {
  for (const { id } of context.containers.all().filter((record) => !isUp(record))) {
    await context.containers.lockedEvenIfGone(id, async (held) => held && settlePart(context, held, 'unmounting the file system of a container', () => context.rootfs.unmount(id)));
  }
}

const START_TURN_MS = 10_000;

/** Starts what should run; those that join another container's network come after it. */
export async function startWithDaemon(context: EngineContext): Promise<void> {
  const due = context.containers.all().filter((record) => !isUp(record) && (shouldStartWithDaemon(record) || record.state.status === 'restarting'));
  const rank = (record: ContainerRecord): number => {
    const mode = record.spec.connection.networkMode;
    const needs = new Set([...record.links.map((link) => link.sourceId), ...(networkModeKind(mode) === 'container' ? [joinedContainerRef(mode)] : [])]);
    return due.some((other) => other.id !== record.id && needs.has(other.id)) ? 1 : 0;
  };
  for (const record of [...due].sort((a, b) => rank(a) - rank(b))) {
    const started = startNow(context, record).catch((error: unknown) => context.log.warn({ container: record.id, error: errorMessage(error) }, 'could not start a container with the daemon'));
    // One that hangs does not keep the others from starting.
    await within(started, START_TURN_MS);
  }
}

/** A restart that was under way when the daemon ended is one: what keeps it from starting is tried again, as its policy says. */
function startNow(context: EngineContext, record: ContainerRecord): Promise<void> {
  if (record.state.status === 'restarting') return restartAfterExit(context, record.id);
  return context.containers.lockedEvenIfGone(record.id, async (held) => {
    if (!held || isUp(held.record)) return;
    held.update((now) => ({ ...now, stoppedByUser: false }));
    await startHeld(context, held);
  });
}
