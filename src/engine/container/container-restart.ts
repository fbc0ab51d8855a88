/** The user's `restart`: a stop and a start, of which the policies see nothing. */
import type { ContainerRecord } from '../../model/container.ts';
import type { EventBus } from '../system/event-bus.ts';
import { publishContainerEvent } from './container-events.ts';
import type { StartHeld } from './container-start.ts';
import { endRun, endTold, isUp, type StopNeeds, type StopOptions } from './container-stop.ts';
import type { ContainerTable } from './container-table.ts';
import type { RestartTimers } from './restart-policy.ts';

export type RestartNeeds = StopNeeds & {
  readonly containers: Pick<ContainerTable, 'find' | 'locked'>;
  readonly restarts: Pick<RestartTimers, 'duringRestart'>;
  readonly events: EventBus;
  readonly start: StartHeld;
};

export async function restartContainer(needs: RestartNeeds, ref: string, options: StopOptions): Promise<void> {
  const { id } = needs.containers.find(ref);
  const record = needs.containers.find(id);
  await needs.restarts.duringRestart(id, () => stopAndStart(needs, record, options));
  publishContainerEvent(needs.events, needs.containers.find(id), 'restart');
}

async function stopAndStart(needs: RestartNeeds, record: ContainerRecord, options: StopOptions): Promise<void> {
  const { id } = record;
  // With --rm the exit would remove it, and there would be nothing to start: Docker keeps it too.
  await endTold(needs, record, () => endRun(needs, record, options, { keep: true }));
  await needs.containers.locked(id, async (held) => {
    if (isUp(held.record)) return;
    held.update((stopped) => ({ ...restoreAutoRemove(stopped, record), stoppedByUser: false, restartCount: 0 }));
    await needs.start(held);
  });
}

function restoreAutoRemove(record: ContainerRecord, before: ContainerRecord): ContainerRecord {
  return {
    ...record,
    spec: { ...record.spec, host: { ...record.spec.host, autoRemove: before.spec.host.autoRemove } },
  };
}
