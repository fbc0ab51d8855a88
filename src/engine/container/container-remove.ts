/** `rm`, and what follows from it for links. A removal that failed half-way is finished at the next start of the daemon. */
import { rm } from 'node:fs/promises';
import { tryAgainLater } from '../../base/again.ts';
import { conflict, errorMessage } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { EngineContext } from '../engine-context.ts';
import { publishContainerEvent } from './container-events.ts';
import { containerPaths } from './container-paths.ts';
import { endRun, isUp } from './container-stop.ts';
import { lockToEnd } from './ending-lock.ts';
import { setLiveLinks } from './followed-links.ts';
import type { Held } from './held.ts';
import { releaseNetwork } from './shared-network.ts';

export async function removeContainer(
  context: EngineContext,
  ref: string,
  options: { force: boolean; volumes: boolean; link: boolean },
): Promise<void> {
  if (options.link) return removeLink(context, ref);
  const record = context.containers.find(ref);
  const { id } = record;
  if (record.state.status === 'removing') throw conflict(`removal of container ${ref} is already in progress`);
  if (isUp(record) || record.state.status === 'restarting') {
    if (!options.force) {
      const state = record.state.status;
      const advice = state === 'paused' ? 'unpause and then stop the container' : 'stop the container';
      throw conflict(`cannot remove container "/${record.name}": container is ${state}: ${advice} before removing or force remove`);
    }
  }
  if (!options.force) return context.containers.lockedEvenIfGone(id, (held) => removeStopped(context, held, options));
  for (;;) {
    context.restarts.forget(id);
    const now = context.containers.get(id);
    if (now && isUp(now)) await endRun(context, now, { signal: 'SIGKILL', timeoutS: 0 });
    const removed = await lockToEnd(context, id, async (held) => {
      if (held && isUp(held.record)) return false; // a start that was under way came first
      await removeStopped(context, held, options);
      return true;
    });
    if (removed) return;
  }
}

async function removeStopped(context: EngineContext, held: Held | undefined, options: { volumes: boolean }): Promise<void> {
  if (!held) return;
  const { record } = held;
  if (isUp(record)) throw conflict(`cannot remove container "/${record.name}": container is ${record.state.status}: stop the container before removing or force remove`);
  await removeHeld(context, held, { volumes: options.volumes });
}

/**
 * Removes a container that does not run. The record goes first, and with the same commit its volumes are given
 * up: what is left of one that is gone belongs to nobody, and a daemon that starts clears it away; one that is listed is always whole.
 */
export async function removeHeld(context: EngineContext, held: Held, options: { volumes: boolean }): Promise<void> {
  const { id, record } = held;
  context.restarts.forget(id);
  context.health.forget(id);
  const removing = held.update((now) => ({ ...now, state: { ...now.state, status: 'removing' } }));
  const volumes = options.volumes ? volumesThatGo(context, removing) : [];
  try {
    if (context.network.sandbox(id)) await releaseNetwork(context, record); // it was to start again, with others in its network
    const givenUp = context.volumes.givingUp(volumes, id);
    await held.remove(givenUp.changes);
    givenUp.done();
  } catch (error) {
    held.update((now) => ({ ...now, state: record.state }));
    throw error;
  }
  const { dir } = containerPaths(context.config.dataRoot, id);
  const leftovers = [
    () => context.network.forget(id),
    () => context.rootfs.remove(id),
    () => rm(dir, { recursive: true, force: true }),
    ...volumes.map((name) => () => removeGivenUp(context, name)),
  ];
  await Promise.all(leftovers.map((remove) => removeLeftover(context, id, remove)));
  context.attaches.abandon(id);
  context.execs.containerRemoved(id);
  publishContainerEvent(context.events, record, 'destroy');
  context.waits.removed(id, { exitCode: record.state.exitCode, error: '' });
}

/** Nobody can be told any more that it failed: it is tried again in the background. */
async function removeLeftover(context: EngineContext, id: string, remove: () => Promise<void>): Promise<void> {
  try {
    await remove();
  } catch (error) {
    context.log.debug({ container: id, error: errorMessage(error) }, 'a part of a removed container stays for now');
    tryAgainLater(remove, (last) => context.log.warn({ container: id, error: errorMessage(last) }, 'what is left of a removed container stays until the daemon starts again'));
  }
}

/** Volumes that came with the container and that no other one uses. */
function volumesThatGo(context: EngineContext, removing: ContainerRecord): string[] {
  return removing.mounts.filter(({ type, name }) => type === 'volume' && context.volumes.get(name)?.anonymous === true && !context.volumes.isUsed(name)).map(({ name }) => name);
}

/** Unless somebody has come to use it meanwhile, which also stores that it stays. */
async function removeGivenUp(context: EngineContext, name: string): Promise<void> {
  if (!context.volumes.isUsed(name)) await context.volumes.remove(name, true);
}

/** `rm --link web/db`: the recipient forgets the link, also one that leads nowhere any more; its source is not touched. */
async function removeLink(context: EngineContext, ref: string): Promise<void> {
  const name = ref.replace(/^\//, '');
  const slash = name.indexOf('/');
  const recipient = slash < 0 ? undefined : context.containers.byName(name.slice(0, slash));
  const alias = name.slice(slash + 1);
  if (!recipient?.links.some((link) => link.alias === alias)) {
    const record = context.containers.find(ref);
    throw conflict(`Conflict, cannot remove the default link name of the container: /${record.name}`);
  }
  await context.containers.locked(recipient.id, async (held) => {
    const { record } = held;
    // Of several that share the alias, the one that the name leads to.
    const gone = record.links.find((link) => link.alias === alias && context.containers.get(link.sourceId)) ?? record.links.find((link) => link.alias === alias);
    const links = record.links.filter((link) => link.alias !== alias || link.sourceId !== gone?.sourceId);
    await held.save((now) => ({ ...now, links }));
    if (isUp(record)) await setLiveLinks(context, record.id, links);
  });
}
