/**
 * Links that follow a name. A link points to one container; when that is removed the link is lost, also when another
 * container gets its name. Where the user wants it (a label of the linking container, or an option of the daemon), such
 * a link is redirected to the next container with that name.
 */
import type { Log } from '../../base/log.ts';
import { readGoBoolean } from '../../base/go-boolean.ts';
import type { ContainerRecord, Link } from '../../model/container.ts';
import { parsePort } from '../../model/port.ts';
import type { EngineConfig } from '../engine-config.ts';
import type { LiveNetwork } from '../ports.ts';
import { isUp } from './container-stop.ts';
import type { ContainerTable } from './container-table.ts';

export interface LiveLinkNeeds {
  readonly containers: Pick<ContainerTable, 'get'>;
  readonly network: Pick<LiveNetwork, 'setLinks'>;
}

export interface FollowNeeds extends LiveLinkNeeds {
  readonly config: Pick<EngineConfig, 'linksFollowNames'>;
  readonly containers: Pick<ContainerTable, 'get' | 'all' | 'byName' | 'lockedEvenIfGone'>;
  readonly log: Log;
}

const FOLLOW_LABEL = 'causeway.links.follow';

function followsNames(needs: Pick<FollowNeeds, 'config'>, recipient: ContainerRecord): boolean {
  const label = recipient.spec.labels[FOLLOW_LABEL];
  return label === undefined || label === '' ? needs.config.linksFollowNames : readGoBoolean(label) === true;
}

/**
 * To be called when a container has got a name, and its lock is free: lost links of that name point to it from now on.
 */
export async function followName(needs: FollowNeeds, source: ContainerRecord): Promise<void> {
  const lost = (link: Link) => link.sourceName === source.name && !needs.containers.get(link.sourceId);
  for (const { id } of needs.containers
    .all()
    .filter((record) => record.id !== source.id && record.links.some(lost) && followsNames(needs, record))) {
    await needs.containers.lockedEvenIfGone(id, async (held) => {
      if (!held || needs.containers.byName(source.name)?.id !== source.id) return;
      const { links } = await held.save((record) => ({
        ...record,
        links: record.links.map((link) => (lost(link) ? { ...link, sourceId: source.id } : link)),
      }));
      if (isUp(held.record)) await setLiveLinks(needs, id, links);
      needs.log.info({ container: id, source: source.id }, 'a link follows its source');
    });
  }
}

/** When the daemon starts: links that an earlier daemon had no time to redirect. */
export async function followLostLinks(needs: FollowNeeds): Promise<void> {
  for (const { links } of needs.containers.all()) {
    for (const { sourceId, sourceName } of links) {
      const source = needs.containers.get(sourceId) ? undefined : needs.containers.byName(sourceName);
      if (source) await followName(needs, source);
    }
  }
}

/** Tells the network of a running container's links; lost ones have nothing there. */
export async function setLiveLinks(needs: LiveLinkNeeds, id: string, links: readonly Link[]): Promise<void> {
  const live = links.flatMap((link) => {
    const source = needs.containers.get(link.sourceId);
    return source ? [{ ...link, ports: source.spec.connection.exposedPorts.map(parsePort) }] : [];
  });
  await needs.network.setLinks(id, live);
}
