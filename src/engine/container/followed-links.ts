/**
 * Links that follow a name. A link leads to one container; when that is removed the link leads nowhere, also when another
 * container gets its name. Where the user wants it (a label of the linking container, or an option of the daemon), such a
 * link leads to whoever has the name next.
 */
import type { ContainerRecord, Link } from '../../model/container.ts';
import { parsePort } from '../../model/port.ts';
import type { EngineContext } from '../engine-context.ts';
import { isUp } from './container-stop.ts';

const FOLLOW_LABEL = 'causeway.links.follow';

function followsNames(context: EngineContext, recipient: ContainerRecord): boolean {
  const label = recipient.spec.labels[FOLLOW_LABEL];
  return label === undefined || label === '' ? context.config.linksFollowNames : /^(1|t|true)$/i.test(label);
}

/** To be called when a container has got a name, and its lock is free: lost links of that name lead to it from now on. */
export async function followName(context: EngineContext, source: ContainerRecord): Promise<void> {
  const lost = (link: Link) => link.sourceName === source.name && !context.containers.get(link.sourceId);
  for (const { id } of context.containers.all().filter((record) => record.id !== source.id && record.links.some(lost) && followsNames(context, record))) {
    await context.containers.lockedEvenIfGone(id, async (held) => {
      if (!held || context.containers.byName(source.name)?.id !== source.id) return;
      const { links } = await held.save((record) => ({ ...record, links: record.links.map((link) => (lost(link) ? { ...link, sourceId: source.id } : link)) }));
      if (isUp(held.record)) await setLiveLinks(context, id, links);
      context.log.info({ container: id, source: source.id }, 'a link follows its source');
    });
  }
}

/** When the daemon starts: links that a daemon before it had no time to lead on. */
export async function followLostLinks(context: EngineContext): Promise<void> {
  for (const { links } of context.containers.all()) {
    for (const { sourceId, sourceName } of links) {
      const source = context.containers.get(sourceId) ? undefined : context.containers.byName(sourceName);
      if (source) await followName(context, source);
    }
  }
}

/** Tells the network of a running container's links; those that lead nowhere have nothing there. */
export async function setLiveLinks(context: EngineContext, id: string, links: readonly Link[]): Promise<void> {
  const live = links.flatMap((link) => {
    const source = context.containers.get(link.sourceId);
    return source ? [{ ...link, ports: source.spec.connection.exposedPorts.map(parsePort) }] : [];
  });
  await context.network.setLinks(id, live);
}
