/**
 * What continues after the last moment at which a failure could have been reported: an exit, what a copy leaves
 * mounted.
 */
import { tryAgainLater } from '../../base/again.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { ContainerTable } from './container-table.ts';
import type { Held } from './held.ts';

export interface SettleNeeds {
  readonly containers: Pick<ContainerTable, 'lockedEvenIfGone'>;
  readonly log: Log;
}

/**
 * One part of it. The others follow whatever becomes of it, and what failed is tried again, unless the container runs
 * by then; it may be gone by then.
 */
export async function settlePart(
  needs: SettleNeeds,
  held: Held,
  what: string,
  part: (held: Held | undefined) => unknown,
): Promise<void> {
  const { id } = held;
  try {
    await part(held);
  } catch (error) {
    needs.log.warn({ container: id, error: errorMessage(error) }, `${what} failed and is tried again`);
    const again = (): Promise<void> =>
      needs.containers.lockedEvenIfGone(id, async (now) => {
        if (!now || now.record.state.pid === 0) await part(now);
      });
    tryAgainLater(again, (last) =>
      needs.log.error(
        { container: id, error: errorMessage(last) },
        `${what} failed; it is completed when the daemon starts again`,
      ),
    );
  }
}
