import { tryAgainLater } from '../../base/again.ts';
import { errorMessage } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { EngineContext } from '../engine-context.ts';

/**
 * Saves what the network has made and stored already. A daemon that starts takes it from there (see restore.ts), so nothing is refused because the
 * record cannot be stored just now: it counts, and is stored a little later. The caller holds the container's lock.
 */
export async function saveAfterNetwork(context: EngineContext, record: ContainerRecord): Promise<void> {
  const { id } = record;
  try {
    await context.table.save(record);
  } catch (error) {
    context.table.replace(record);
    context.log.warn({ container: id, error: errorMessage(error) }, 'a change of a container cannot be stored just now');
    const again = (): Promise<void> =>
      context.lock.run(id, async () => {
        const now = context.table.get(id);
        if (now) await context.table.save(now);
      });
    tryAgainLater(again, (last) => context.log.error({ container: id, error: errorMessage(last) }, 'a change of a container is not stored: the next start of the daemon takes it from its network'));
  }
}
