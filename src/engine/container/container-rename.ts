/** `rename`: the container's name, and every name that follows from it (link names, DNS, hosts files). */
import { errorMessage, invalid, notFound } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { LiveNetwork } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import { publishContainerEvent } from './container-events.ts';
import type { NameReservations } from './container-name.ts';
import type { ContainerTable } from './container-table.ts';
import { followName, type FollowNeeds } from './followed-links.ts';
import type { Held } from './held.ts';

export type RenameNeeds = FollowNeeds & {
  readonly containers: Pick<ContainerTable, 'find' | 'recipientsOf' | 'lockedAll' | 'saveTogether'>;
  readonly names: Pick<NameReservations, 'reserve'>;
  readonly network: Pick<LiveNetwork, 'rename'>;
  readonly events: EventBus;
  readonly log: Log;
};

export async function renameContainer(needs: RenameNeeds, ref: string, wanted: string): Promise<void> {
  if (wanted === '') throw invalid('Neither old nor new names may be empty');
  const { containers } = needs;
  const { id } = containers.find(ref);
  const recipientIds = (): string[] =>
    containers
      .recipientsOf(id)
      .map((recipient) => recipient.id)
      .filter((one) => one !== id);
  let renamed: ContainerRecord | undefined;
  // Again where a link to this container was added before the lock was acquired: that container is changed too.
  while (!renamed) {
    renamed = await containers.lockedAll([id, ...recipientIds()], async (held) => {
      const subject = held.get(id);
      if (!subject) throw notFound(`No such container: ${id}`);
      const recipients = recipientIds().map((recipient) => held.get(recipient));
      return recipients.every((one) => one !== undefined) ? renameHeld(needs, subject, recipients, wanted) : undefined;
    });
  }
  await followName(needs, renamed);
}

async function renameHeld(
  needs: RenameNeeds,
  subject: Held,
  recipients: readonly Held[],
  wanted: string,
): Promise<ContainerRecord> {
  const { id } = subject;
  const before = subject.record.name;
  const name = wanted.replace(/^\//, '');
  if (name === before) throw invalid('Renaming a container with the same name as its current name');
  const { release } = needs.names.reserve(name, id);
  try {
    await saveName(needs, subject, recipients, name);
    try {
      await needs.network.rename(id, name);
    } catch (error) {
      await saveName(needs, subject, recipients, before);
      await needs.network
        .rename(id, before)
        .catch((failure: unknown) =>
          needs.log.warn({ container: id, error: errorMessage(failure) }, 'undo of a failed rename'),
        );
      throw error;
    }
    publishContainerEvent(needs.events, subject.record, 'rename', { oldName: `/${before}` });
    return subject.record;
  } finally {
    release();
  }
}

/** The names of links to this container show its name; one commit, so that a crash cannot separate them. */
async function saveName(needs: RenameNeeds, subject: Held, recipients: readonly Held[], name: string): Promise<void> {
  await needs.containers.saveTogether([
    { held: subject, change: (record) => ({ ...record, name }) },
    ...recipients.map((held) => ({
      held,
      change: (record: ContainerRecord): ContainerRecord => ({
        ...record,
        links: record.links.map((link) => (link.sourceId === subject.id ? { ...link, sourceName: name } : link)),
      }),
    })),
  ]);
}
