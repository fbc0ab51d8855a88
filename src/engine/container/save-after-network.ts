import { tryAgainLater } from '../../base/again.ts';
import { errorMessage } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { Held, RecordChange } from './held.ts';
import type { SettleNeeds } from './settle-part.ts';

/**
 * Saves what the network has made and stored already. A daemon that starts takes it from there (see restore.ts), so
 * nothing is refused because the record cannot be stored just now: it counts, and is stored a little later.
 */
export async function saveAfterNetwork(needs: SettleNeeds, held: Held, change: RecordChange): Promise<ContainerRecord> {
  const { id } = held;
  try {
    return await held.save(change);
  } catch (error) {
    const record = held.update(change);
    needs.log.warn({ container: id, error: errorMessage(error) }, 'a change of a container cannot be stored just now');
    const again = (): Promise<void> => needs.containers.lockedEvenIfGone(id, async (now) => void (await now?.save()));
    tryAgainLater(again, (last) =>
      needs.log.error(
        { container: id, error: errorMessage(last) },
        'a change of a container is not stored: the next start of the daemon takes it from its network',
      ),
    );
    return record;
  }
}
