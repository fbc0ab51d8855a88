/** The user's `restart`: a stop and a start, of which the policies see nothing. */
import type { ContainerRecord } from '../../model/container.ts';
import type { EngineContext } from '../engine-context.ts';
import { publishContainerEvent } from './container-events.ts';
import { startHeld } from './container-start.ts';
import { endRun, isUp, stopRestarting, type StopOptions } from './container-stop.ts';

export async function restartContainer(context: EngineContext, ref: string, options: StopOptions): Promise<void> {
  const { id } = context.containers.find(ref);
  const record = context.containers.find(id);
  await context.restarts.duringRestart(id, () => stopAndStart(context, record, options));
  publishContainerEvent(context.events, context.containers.find(id), 'restart');
}

async function stopAndStart(context: EngineContext, record: ContainerRecord, options: StopOptions): Promise<void> {
  const { id } = record;
  if (record.state.status === 'restarting') await stopRestarting(context, id);
  // With --rm the exit would remove it, and there would be nothing to start: Docker keeps it too.
  else if (isUp(record)) await endRun(context, record, options, { keep: true });
  await context.containers.locked(id, async (held) => {
    if (isUp(held.record)) return;
    held.update((stopped) => ({ ...restoreAutoRemove(stopped, record), stoppedByUser: false, restartCount: 0 }));
    await startHeld(context, held);
  });
}

function restoreAutoRemove(record: ContainerRecord, before: ContainerRecord): ContainerRecord {
  return { ...record, spec: { ...record.spec, host: { ...record.spec.host, autoRemove: before.spec.host.autoRemove } } };
}
