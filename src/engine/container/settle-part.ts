/** What goes on after the last moment at which somebody could have been told that it failed: an exit, what a copy leaves mounted. */
import { tryAgainLater } from '../../base/again.ts';
import { errorMessage } from '../../base/errors.ts';
import type { EngineContext } from '../engine-context.ts';

/** One part of it, under the container's lock. The others follow whatever becomes of it, and what failed is tried again, unless the container runs by then. */
export async function settlePart(context: EngineContext, id: string, what: string, part: () => unknown): Promise<void> {
  try {
    await part();
  } catch (error) {
    context.log.warn({ container: id, error: errorMessage(error) }, `${what} failed and is tried again`);
    const again = (): Promise<void> =>
      context.lock.run(id, async () => {
        const now = context.table.get(id);
        if (!now || now.state.pid === 0) await part();
      });
    tryAgainLater(again, (last) => context.log.error({ container: id, error: errorMessage(last) }, `${what} failed; it is completed when the daemon starts again`));
  }
}
