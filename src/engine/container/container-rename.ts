/** `rename`: the container's name, and every name that follows from it (link names, DNS, hosts files). */
import { errorMessage, invalid } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { EngineContext } from '../engine-context.ts';
import { followName } from './followed-links.ts';
import { publishContainerEvent } from './container-events.ts';

export async function renameContainer(context: EngineContext, ref: string, wanted: string): Promise<void> {
  if (wanted === '') throw invalid('Neither old nor new names may be empty');
  const { id } = context.table.find(ref);
  const locked = [id, ...context.table.recipientsOf(id).map((recipient) => recipient.id)];
  const renamed = await context.lock.runAll(locked, async () => {
    const record = context.table.find(id);
    const name = wanted.replace(/^\//, '');
    if (name === record.name) throw invalid('Renaming a container with the same name as its current name');
    const { release } = context.names.reserve(name, id);
    try {
      const renamed: ContainerRecord = { ...record, name };
      // The links that lead here show the new name; one commit, so that no crash leaves them apart.
      const recipients = context.table.recipientsOf(id).filter((recipient) => recipient.id !== id).map((recipient): ContainerRecord => ({
        ...recipient,
        links: recipient.links.map((link) => (link.sourceId === id ? { ...link, sourceName: name } : link)),
      }));
      await context.table.save(renamed, ...recipients);
      try {
        await context.network.rename(id, name);
      } catch (error) {
        await context.table.save(record);
        await context.network.rename(id, record.name).catch((failure: unknown) =>
          context.log.warn({ container: id, error: errorMessage(failure) }, 'undo of a failed rename'),
        );
        throw error;
      }
      publishContainerEvent(context.events, renamed, 'rename', { oldName: `/${record.name}` });
      return renamed;
    } finally {
      release();
    }
  });
  await followName(context, renamed);
}
