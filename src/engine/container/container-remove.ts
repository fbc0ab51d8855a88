/** `rm`, and what follows from it for links. A removal that failed half-way is finished at the next start of the daemon. */
import { rm } from 'node:fs/promises';
import { conflict, errorMessage } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { EngineContext } from '../engine-context.ts';
import { publishContainerEvent } from './container-events.ts';
import { containerPaths } from './container-paths.ts';
import { endRun, isUp } from './container-stop.ts';
import { setLiveLinks } from './followed-links.ts';

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
    context.restarts.forget(id);
    if (isUp(record)) await endRun(context, record, { signal: 'SIGKILL', timeoutS: 0 });
  }
  await context.lock.run(id, async () => {
    if (context.table.get(id)) await removeUnlocked(context, id, { volumes: options.volumes });
  });
}

/** Removes a container that does not run; the caller holds its lock. */
export async function removeUnlocked(context: EngineContext, id: string, options: { volumes: boolean }): Promise<void> {
  const record = context.table.get(id);
  if (!record) return;
  context.restarts.forget(id);
  context.health.forget(id);
  context.table.replace({ ...record, state: { ...record.state, status: 'removing' } });
  const paths = containerPaths(context.config.dataRoot, id);
  try {
    await Promise.all([context.rootfs.remove(id), rm(paths.dir, { recursive: true, force: true })]);
    await context.network.forget(id);
    await context.table.remove(id);
  } catch (error) {
    await context.table.save({ ...record, state: { ...record.state, status: 'dead', error: errorMessage(error) } });
    throw error;
  }
  context.attaches.abandon(id);
  context.execs.containerRemoved(id);
  publishContainerEvent(context.events, record, 'destroy');
  context.waits.removed(id, { exitCode: record.state.exitCode, error: '' });
  if (options.volumes) await removeAnonymousVolumes(context, record);
}

/** Volumes that came with the container and that no other one uses. */
async function removeAnonymousVolumes(context: EngineContext, record: ContainerRecord): Promise<void> {
  for (const mount of record.mounts) {
    if (mount.type !== 'volume' || context.volumes.get(mount.name)?.anonymous !== true) continue;
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
