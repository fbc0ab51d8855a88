/** The user's `restart`: a stop and a start, of which the policies see nothing. */
import type { ContainerRecord } from '../../model/container.ts';
import type { EngineContext } from '../engine-context.ts';
import { publishContainerEvent } from './container-events.ts';
import { startUnlocked } from './container-start.ts';
import { endRun, isUp, stopRestarting, type StopOptions } from './container-stop.ts';

export async function restartContainer(context: EngineContext, ref: string, options: StopOptions): Promise<void> {
  const { id } = context.table.find(ref);
  const record = context.table.find(id);
  await context.restarts.duringRestart(id, () => stopAndStart(context, record, options));
  publishContainerEvent(context.events, context.table.find(id), 'restart');
}

async function stopAndStart(context: EngineContext, record: ContainerRecord, options: StopOptions): Promise<void> {
  const { id } = record;
  if (record.state.status === 'restarting') await stopRestarting(context, id);
  // With --rm the exit would remove it, and there would be nothing to start: Docker keeps it too.
  else if (isUp(record)) await endRun(context, record, options, { keep: true });
  await context.lock.run(id, async () => {
    const stopped = context.table.find(id);
    if (isUp(stopped)) return;
    await startUnlocked(context, { ...restoreAutoRemove(stopped, record), stoppedByUser: false, restartCount: 0 });
  });
}

function restoreAutoRemove(record: ContainerRecord, before: ContainerRecord): ContainerRecord {
  return { ...record, spec: { ...record.spec, host: { ...record.spec.host, autoRemove: before.spec.host.autoRemove } } };
}
