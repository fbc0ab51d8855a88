/** What happens when a container's process has ended: everything of its run is taken down, then its policies decide. */
import { formatTimeNs } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { EngineContext } from '../engine-context.ts';
import { unmountSharedMemory } from '../../oci/shared-memory.ts';
import { publishContainerEvent, publishNetworkEvent } from './container-events.ts';
import { sharedMemoryOf } from './container-paths.ts';
import { removeHeld } from './container-remove.ts';
import { shouldRestart } from './restart-policy.ts';
import { driverOf, startHeld } from './container-start.ts';
import type { Held } from './held.ts';
import { settlePart } from './settle-part.ts';
import { releaseNetwork, sharerEnded, sharersOf } from './shared-network.ts';

export interface RuntimeExit {
  readonly code: number;
  readonly oomKilled: boolean;
  readonly at: string;
}

/** Called by the runtime for every exit, and at restore for those that were missed. */
export function handleExit(context: EngineContext, id: string, exit: RuntimeExit): Promise<void> {
  return context.containers.lockedEvenIfGone(id, async (held) => {
    if (!held || held.record.state.pid === 0) return; // already dealt with: a start that failed, a removal
    await settleExit(context, held, exit);
  });
}

async function settleExit(context: EngineContext, held: Held, exit: RuntimeExit): Promise<void> {
  const { id, record } = held;
  context.health.forget(id);
  context.execs.containerEnded(id);
  if (exit.oomKilled) publishContainerEvent(context.events, record, 'oom');
  // A container that ran long enough has proved itself: its count begins anew.
  const restart = !context.restarts.ended && shouldRestart(record.spec.host.restartPolicy, { exitCode: exit.code, stoppedByUser: record.stoppedByUser, restartCount: record.restartCount });
  const comesBack = (restart || context.restarts.isRestartedByUser(id)) && sharersOf(context, id).length > 0;
  await takeDown(context, held, { keepNetwork: comesBack });

  const ranMs = Math.max(0, Date.parse(exit.at) - Date.parse(record.state.startedAt));
  publishContainerEvent(context.events, record, 'die', { exitCode: String(exit.code), execDuration: String(Math.floor(ranMs / 1000)) });
  // From here on it has ended for everybody, whether or not that can be stored just now.
  const ended = held.update((now) => endedRecord(now, exit, restart));
  if (!restart && record.spec.host.autoRemove) return settleRemoval(context, held);
  await settlePart(context, held, 'storing how a container ended', (now) => storeEnd(context, id, now));
  await settlePart(context, held, 'releasing a shared network', () => sharerEnded(context, ended));
  context.waits.exited(id, { exitCode: exit.code, error: '' });
  if (restart) context.restarts.schedule(id, ranMs, () => void restartAfterExit(context, id));
}

function endedRecord(record: ContainerRecord, exit: RuntimeExit, restart: boolean): ContainerRecord {
  return {
    ...record,
    restartCount: restart ? record.restartCount + 1 : record.restartCount,
    state: {
      ...record.state,
      status: restart ? 'restarting' : 'exited',
      pid: 0,
      exitCode: exit.code,
      error: '',
      oomKilled: exit.oomKilled,
      finishedAt: exit.at,
      health: record.state.health && { ...record.state.health, status: 'unhealthy' },
    },
  };
}

/** Nobody will read the ended state from the store: the removal is the next commit. */
async function settleRemoval(context: EngineContext, held: Held): Promise<void> {
  const { id, record: ended } = held;
  await settlePart(context, held, 'releasing a shared network', () => sharerEnded(context, ended));
  context.waits.exited(id, { exitCode: ended.state.exitCode, error: '' });
  await settlePart(context, held, 'removing a container that has ended', async (now) => {
    if (now) await removeHeld(context, now, { volumes: true });
    context.runtime.forgetExit(id);
  });
}

/** Until that is done, the runtime knows how it ended: a daemon that dies first leaves it to the next one. */
async function storeEnd(context: EngineContext, id: string, held: Held | undefined): Promise<void> {
  if (held && held.record.state.pid !== 0) return; // it runs again
  await held?.save();
  context.runtime.forgetExit(id);
}

/**
 * Network, runtime and rootfs of a run; goes on past failures, says what they were and tries again what failed. `keepNetwork`: it is
 * started again, and others share its network.
 */
async function takeDown(context: EngineContext, held: Held, { keepNetwork = false } = {}): Promise<void> {
  const { id, record } = held;
  const endpoints = keepNetwork ? [] : (context.network.sandbox(id)?.endpoints ?? []);
  const part = (what: string, work: () => unknown): Promise<void> => settlePart(context, held, what, work);
  await Promise.all([
    keepNetwork ? undefined : part('taking the network of a container down', () => releaseNetwork(context, record)),
    // The rootfs can only go once the runtime has let go of it.
    part('deleting a container from the runtime', () => context.runtime.delete(id, { force: true, keepExit: true })).then(() =>
      Promise.all([
        part('unmounting the file system of a container', () => context.rootfs.unmount(id)),
        part('unmounting the shared memory of a container', () => unmountSharedMemory(sharedMemoryOf(context, id))),
      ]),
    ),
  ]);
  for (const endpoint of endpoints) {
    publishNetworkEvent(context.events, 'disconnect', { id: endpoint.networkId, name: endpoint.networkName, driver: driverOf(context, endpoint.networkId) }, { container: id });
  }
}

/** What its policy asks for, unless it has been started, stopped or removed meanwhile. */
export async function restartAfterExit(context: EngineContext, id: string): Promise<void> {
  await context.containers.lockedEvenIfGone(id, async (held) => {
    if (held?.record.state.status !== 'restarting') return;
    try {
      await startHeld(context, held);
    } catch (error) {
      context.log.warn({ container: id, error: errorMessage(error) }, 'restart failed');
      await retryLater(context, id, held);
    }
  });
}

/** A restart that could not even start counts as one more failed run. */
async function retryLater(context: EngineContext, id: string, held: Held): Promise<void> {
  const record = context.containers.get(id);
  if (!record || record.stoppedByUser) return; // gone: with --rm, a start that fails removes it
  const exit = { exitCode: record.state.exitCode || 128, stoppedByUser: false, restartCount: record.restartCount };
  if (!shouldRestart(record.spec.host.restartPolicy, exit)) return;
  held.update((now) => ({
    ...now,
    restartCount: now.restartCount + 1,
    state: { ...now.state, status: 'restarting', finishedAt: formatTimeNs(context.clock.nowNs()) },
  }));
  await settlePart(context, held, 'storing that a container restarts', (now) => storeEnd(context, id, now));
  context.restarts.schedule(id, 0, () => void restartAfterExit(context, id));
}
