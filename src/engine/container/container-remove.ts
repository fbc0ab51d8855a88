/** `rm`, and what follows from it for links. A removal that failed half-way is finished at the next start of the daemon. */
import { rm } from 'node:fs/promises';
import { conflict, errorMessage } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { EngineContext } from '../engine-context.ts';
import { publishContainerEvent } from './container-events.ts';
import { containerPaths } from './container-paths.ts';
import { endRun, isUp } from './container-stop.ts';
import { lockToEnd } from './ending-lock.ts';
import { setLiveLinks } from './followed-links.ts';
import { releaseNetwork } from './shared-network.ts';

/** When the rest of a removed container is tried again that did not go. */
const AGAIN_AFTER_MS = [1000, 30_000];

export async function removeContainer(
  context: EngineContext,
  ref: string,
  options: { force: boolean; volumes: boolean; link: boolean },
): Promise<void> {
  if (options.link) return removeLink(context, ref);
  const record = context.table.find(ref);
  const { id } = record;
  if (record.state.status === 'removing') throw conflict(`removal of container ${ref} is already in progress`);
  if (isUp(record) || record.state.status === 'restarting') {
    if (!options.force) {
      const state = record.state.status;
      const advice = state === 'paused' ? 'unpause and then stop the container' : 'stop the container';
      throw conflict(`cannot remove container "/${record.name}": container is ${state}: ${advice} before removing or force remove`);
    }
  }
  if (!options.force) return context.lock.run(id, () => removeStopped(context, id, options));
  for (;;) {
    context.restarts.forget(id);
    const now = context.table.get(id);
    if (now && isUp(now)) await endRun(context, now, { signal: 'SIGKILL', timeoutS: 0 });
    const removed = await lockToEnd(context, id, async () => {
      const last = context.table.get(id);
      if (last && isUp(last)) return false; // a start that was under way came first
      await removeStopped(context, id, options);
      return true;
    });
    if (removed) return;
  }
}

async function removeStopped(context: EngineContext, id: string, options: { volumes: boolean }): Promise<void> {
  const record = context.table.get(id);
  if (!record) return;
  if (isUp(record)) throw conflict(`cannot remove container "/${record.name}": container is ${record.state.status}: stop the container before removing or force remove`);
  await removeUnlocked(context, id, { volumes: options.volumes });
}

/**
 * Removes a container that does not run; the caller holds its lock. The record goes first: what is left of one that is
 * gone belongs to nobody, and a daemon that starts clears it away; one that is listed is always whole.
 */
export async function removeUnlocked(context: EngineContext, id: string, options: { volumes: boolean }): Promise<void> {
  const record = context.table.get(id);
  if (!record) return;
  context.restarts.forget(id);
  context.health.forget(id);
  const removing: ContainerRecord = { ...record, state: { ...record.state, status: 'removing' } };
  context.table.replace(removing);
  try {
    if (context.network.sandbox(id)) await releaseNetwork(context, record); // it was to start again, with others in its network
    if (options.volumes) await removeAnonymousVolumes(context, removing);
    await context.table.remove(id);
  } catch (error) {
    context.table.replace(record);
    throw error;
  }
  const { dir } = containerPaths(context.config.dataRoot, id);
  const leftovers = [() => context.network.forget(id), () => context.rootfs.remove(id), () => rm(dir, { recursive: true, force: true })];
  await Promise.all(leftovers.map((remove) => removeLeftover(context, id, remove, AGAIN_AFTER_MS)));
  context.attaches.abandon(id);
  context.execs.containerRemoved(id);
  publishContainerEvent(context.events, record, 'destroy');
  context.waits.removed(id, { exitCode: record.state.exitCode, error: '' });
}

/** Nobody can be told any more that it failed: it is tried again in the background, since most of what can be wrong passes. */
async function removeLeftover(context: EngineContext, id: string, remove: () => Promise<void>, againAfterMs: readonly number[]): Promise<void> {
  try {
    await remove();
  } catch (error) {
    const [nextMs, ...later] = againAfterMs;
    if (nextMs === undefined) context.log.warn({ container: id, error: errorMessage(error) }, 'what is left of a removed container stays until the daemon starts again');
    else setTimeout(() => void removeLeftover(context, id, remove, later), nextMs).unref();
  }
}

/** Volumes that came with the container and that no other one uses. */
async function removeAnonymousVolumes(context: EngineContext, removing: ContainerRecord): Promise<void> {
  const anonymous = removing.mounts.filter((mount) => mount.type === 'volume' && context.volumes.get(mount.name)?.anonymous === true);
  if (anonymous.length === 0) return;
  await context.table.save(removing); // so that a removal that is cut off here is finished, not forgotten
  for (const mount of anonymous) {
    await context.volumes.remove(mount.name, true).catch((error: unknown) =>
      context.log.debug({ volume: mount.name, error: errorMessage(error) }, 'an anonymous volume stays'),
    );
  }
}

/** `rm --link web/db`: the recipient forgets the link, also one that leads nowhere any more; its source is not touched. */
async function removeLink(context: EngineContext, ref: string): Promise<void> {
  const name = ref.replace(/^\//, '');
  const slash = name.indexOf('/');
  const recipient = slash < 0 ? undefined : context.table.byName(name.slice(0, slash));
  const alias = name.slice(slash + 1);
  if (!recipient?.links.some((link) => link.alias === alias)) {
    const record = context.table.find(ref);
    throw conflict(`Conflict, cannot remove the default link name of the container: /${record.name}`);
  }
  await context.lock.run(recipient.id, async () => {
    const record = context.table.find(recipient.id);
    // Of several that share the alias, the one that the name leads to.
    const gone = record.links.find((link) => link.alias === alias && context.table.get(link.sourceId)) ?? record.links.find((link) => link.alias === alias);
    const links = record.links.filter((link) => link.alias !== alias || link.sourceId !== gone?.sourceId);
    await context.table.save({ ...record, links });
    if (isUp(record)) await setLiveLinks(context, record.id, links);
  });
}
