/** `rename`: the container's name, and every name that follows from it (link names, DNS, hosts files). */
import { errorMessage, invalid, notFound } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { EngineContext } from '../engine-context.ts';
import { followName } from './followed-links.ts';
import { publishContainerEvent } from './container-events.ts';
import type { Held } from './held.ts';

export async function renameContainer(context: EngineContext, ref: string, wanted: string): Promise<void> {
  if (wanted === '') throw invalid('Neither old nor new names may be empty');
  const { containers } = context;
  const { id } = containers.find(ref);
  const recipientIds = (): string[] => containers.recipientsOf(id).map((recipient) => recipient.id).filter((one) => one !== id);
  let renamed: ContainerRecord | undefined;
  // Again where a link has come to lead here before it was our turn: that container is changed too.
  while (!renamed) {
    renamed = await containers.lockedAll([id, ...recipientIds()], async (held) => {
      const subject = held.get(id);
      if (!subject) throw notFound(`No such container: ${id}`);
      const recipients = recipientIds().map((recipient) => held.get(recipient));
      return recipients.every((one) => one !== undefined) ? renameHeld(context, subject, recipients, wanted) : undefined;
    });
  }
  await followName(context, renamed);
}

async function renameHeld(context: EngineContext, subject: Held, recipients: readonly Held[], wanted: string): Promise<ContainerRecord> {
  const { id } = subject;
  const before = subject.record.name;
  const name = wanted.replace(/^\//, '');
  if (name === before) throw invalid('Renaming a container with the same name as its current name');
  const { release } = context.names.reserve(name, id);
  try {
    await saveName(context, subject, recipients, name);
    try {
      await context.network.rename(id, name);
    } catch (error) {
      await saveName(context, subject, recipients, before);
      await context.network.rename(id, before).catch((failure: unknown) =>
        context.log.warn({ container: id, error: errorMessage(failure) }, 'undo of a failed rename'),
      );
      throw error;
    }
    publishContainerEvent(context.events, subject.record, 'rename', { oldName: `/${before}` });
    return subject.record;
  } finally {
    release();
  }
}

/** The links that lead here show the name; one commit, so that no crash leaves them apart. */
async function saveName(context: EngineContext, subject: Held, recipients: readonly Held[], name: string): Promise<void> {
  await context.containers.saveTogether([
    { held: subject, change: (record) => ({ ...record, name }) },
    ...recipients.map((held) => ({
      held,
      change: (record: ContainerRecord): ContainerRecord => ({ ...record, links: record.links.map((link) => (link.sourceId === subject.id ? { ...link, sourceName: name } : link)) }),
    })),
  ]);
}
