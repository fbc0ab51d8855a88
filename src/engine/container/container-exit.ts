/** What happens when a container's process has ended: everything of its run is taken down, then its policies decide. */
import { formatTimeNs, type Clock } from '../../base/clock.ts';
import { codeBeneath, errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import type { ExecTable } from '../exec/exec-table.ts';
import type { ContainerRootfs, Networks, RunRuntime } from '../ports.ts';
import { publishContainerEvent, publishEndpointEvents, publishVolumeEvents } from './container-events.ts';
import type { AskedStops } from './asked-stops.ts';
import type { ContainerLogs } from './container-logs.ts';
import type { RemoveHeld } from './container-remove.ts';
import type { StartHeld } from './container-start.ts';
import type { ContainerTable } from './container-table.ts';
import type { ExitWaits } from './exit-waits.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { Held, RecordChange } from './held.ts';
import { shouldRestart, type RestartTimers } from './restart-policy.ts';
import type { RunFiles } from './run-files.ts';
import { settlePart, type SettleNeeds } from './settle-part.ts';
import { releaseNetwork, sharerEnded, sharersOf, type ReleaseNeeds } from './shared-network.ts';

export type TakeDownNeeds = ReleaseNeeds &
  SettleNeeds & {
    readonly network: Pick<Networks, 'networks'>;
    readonly rootfs: Pick<ContainerRootfs, 'unmount'>;
    readonly runtime: Pick<RunRuntime, 'delete' | 'forgetExit'>;
    readonly files: Pick<RunFiles, 'unmountSharedMemory'>;
  };

export type RestartLaterNeeds = SettleNeeds & {
  readonly containers: Pick<ContainerTable, 'get'>;
  readonly runtime: Pick<RunRuntime, 'forgetExit'>;
  readonly restarts: Pick<RestartTimers, 'schedule' | 'cancel' | 'awaitAddress' | 'addressCame'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly start: StartHeld;
};

export type ExitNeeds = TakeDownNeeds &
  RestartLaterNeeds & {
    readonly restarts: Pick<RestartTimers, 'ended' | 'isRestartedByUser'>;
    readonly health: Pick<HealthMonitor, 'forget'>;
    readonly execs: Pick<ExecTable, 'containerEnded'>;
    readonly waits: Pick<ExitWaits, 'exited'>;
    readonly stops: AskedStops;
    readonly logs: Pick<ContainerLogs, 'ended'>;
    readonly remove: RemoveHeld;
  };

export interface RuntimeExit {
  readonly code: number;
  readonly oomKilled: boolean;
  readonly at: string;
}

/** How an exit is settled once it is noticed. */
export type HandleExit = (id: string, exit: RuntimeExit) => Promise<void>;

/** Called by the runtime for every exit, and at restore for those that were missed. */
export function handleExit(needs: ExitNeeds, id: string, exit: RuntimeExit): Promise<void> {
  return needs.containers.lockedEvenIfGone(id, async (held) => {
    if (!held || held.record.state.pid === 0) return; // already dealt with: a start that failed, a removal
    await settleExit(needs, held, exit);
  });
}

/** A container that runs met the end of its memory: a process of it was killed, or waits for memory. */
export function noteOom(needs: Pick<ExitNeeds, 'containers' | 'events'>, id: string): Promise<void> {
  return needs.containers.lockedEvenIfGone(id, async (held) => {
    const state = held?.record.state;
    if (!held || state === undefined || state.pid === 0 || state.oomKilled) return; // its end has told it, or the daemon before
    const record = held.update((now) => ({ ...now, state: { ...now.state, oomKilled: true } }));
    publishContainerEvent(needs.events, record, 'oom');
    await held.save();
  });
}

async function settleExit(needs: ExitNeeds, held: Held, exit: RuntimeExit): Promise<void> {
  const { id, record } = held;
  needs.health.forget(id);
  needs.execs.containerEnded(id);
  if (exit.oomKilled && !record.state.oomKilled) publishContainerEvent(needs.events, record, 'oom');
  // A container that ran long enough has proved itself: its count is reset.
  const restart =
    !needs.restarts.ended &&
    shouldRestart(record.spec.host.restartPolicy, {
      exitCode: exit.code,
      stoppedByUser: record.stoppedByUser,
      restartCount: record.restartCount,
    });
  const comesBack = (restart || needs.restarts.isRestartedByUser(id)) && sharersOf(needs.containers, id).length > 0;
  const removed = !restart && record.spec.host.autoRemove;
  const end = (now: ContainerRecord): ContainerRecord => endedRecord(now, exit, restart);
  const { endpoints, released, tidied } = takeDown(needs, held, { keepNetwork: comesBack });
  const [, isStored] = await Promise.all([released, !removed && storeEnd(needs, held, end)]);
  // What ran beside its first process ends with the runtime's part there, not with a PID namespace.
  if (record.spec.host.pidMode !== '') await tidied;
  // Before anybody is told: who reads the log then has a last line without its newline too, which waits for this.
  needs.logs.ended(id);

  const ranMs = Math.max(0, Date.parse(exit.at) - Date.parse(record.state.startedAt));
  // From here on it has ended for every client, whether or not that can be stored just now; and only then is it told.
  // Its names and ports are free; what is left of the run is nobody's but that of the next work on it, behind the lock.
  const ended = held.update(end);
  publishEndpointEvents(needs, 'disconnect', endpoints, id);
  publishVolumeEvents(needs.events, 'unmount', record);
  if (needs.stops.take(id)) publishContainerEvent(needs.events, record, 'stop');
  publishContainerEvent(needs.events, record, 'die', {
    exitCode: String(exit.code),
    execDuration: String(Math.floor(ranMs / 1000)),
  });
  await settlePart(needs, held, 'releasing a shared network', () => sharerEnded(needs, ended));
  needs.waits.exited(id, { exitCode: exit.code, error: '' });
  await tidied;
  if (isStored) needs.runtime.forgetExit(id);
  if (removed) await settleRemoval(needs, held);
  else if (restart) needs.restarts.schedule(id, ranMs, () => void restartAfterExit(needs, id));
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
      oomKilled: exit.oomKilled || record.state.oomKilled,
      finishedAt: exit.at,
      health: record.state.health && { ...record.state.health, status: 'unhealthy' },
    },
  };
}

/** The ended state is never read from the store: the removal is the next commit. */
async function settleRemoval(needs: ExitNeeds, held: Held): Promise<void> {
  await settlePart(needs, held, 'removing a container that has ended', async (now) => {
    if (now) await needs.remove(now, { volumes: true });
    needs.runtime.forgetExit(held.id);
  });
}

/**
 * While its network goes: none of the two needs the other, and a daemon that dies between them finds what is left.
 * True: it is stored. Until then the runtime knows how it ended: a daemon that dies first leaves it to the next one.
 */
async function storeEnd(needs: RestartLaterNeeds, held: Held, end: RecordChange): Promise<boolean> {
  let isStored = false;
  await settlePart(needs, held, 'storing how a container ended', async (now) => {
    if (now !== held) return storeAgain(needs, held.id, now);
    await held.store(end);
    isStored = true;
  });
  return isStored;
}

async function storeAgain(needs: RestartLaterNeeds, id: string, held: Held | undefined): Promise<void> {
  if (held && held.record.state.pid !== 0) return; // it runs again
  await held?.save();
  needs.runtime.forgetExit(id);
}

interface TakingDown {
  /** What it was connected to and is no more. */
  readonly endpoints: readonly Endpoint[];
  /** Its names, addresses and ports are closed and free. */
  readonly released: Promise<void>;
  /** The runtime and the file system have nothing of the run any more. */
  readonly tidied: Promise<void>;
}

/**
 * Network, runtime and rootfs of a run; continues past failures, reports them and retries what failed. `keepNetwork`:
 * it is started again, and others share its network.
 */
function takeDown(needs: TakeDownNeeds, held: Held, { keepNetwork = false } = {}): TakingDown {
  const { id, record } = held;
  const endpoints = keepNetwork ? [] : (needs.network.sandbox(id)?.endpoints ?? []);
  const part = (what: string, work: () => unknown): Promise<void> => settlePart(needs, held, what, work);
  const released = keepNetwork
    ? Promise.resolve()
    : part('taking the network of a container down', () => releaseNetwork(needs, record));
  const tidied = (async () => {
    await part('deleting a container from the runtime', () =>
      needs.runtime.delete(id, { force: true, keepExit: true }),
    );
    // The rootfs can only go once the runtime has let go of it.
    await part('unmounting the file system of a container', () => needs.rootfs.unmount(id));
    await part('unmounting the shared memory of a container', () => needs.files.unmountSharedMemory(id));
  })();
  return { endpoints, released, tidied };
}

/** What its policy asks for, unless it has been started, stopped or removed meanwhile. */
export async function restartAfterExit(needs: RestartLaterNeeds, id: string): Promise<void> {
  await needs.containers.lockedEvenIfGone(id, async (held) => {
    needs.restarts.addressCame(id);
    if (held?.record.state.status !== 'restarting') return;
    needs.restarts.cancel(id); // it is made now, also where something else than the delay brought it
    try {
      await needs.start(held);
    } catch (error) {
      // Tried again after a delay in any case, and at once when the address comes.
      if (codeBeneath(error, ['EADDRNOTAVAIL']) !== undefined) needs.restarts.awaitAddress(id);
      needs.log.warn({ container: id, error: errorMessage(error) }, 'restart failed');
      await retryLater(needs, id, held);
    }
  });
}

/** A restart that could not even start counts as one more failed run. */
async function retryLater(needs: RestartLaterNeeds, id: string, held: Held): Promise<void> {
  const record = needs.containers.get(id);
  if (!record || record.stoppedByUser) return; // gone: with --rm, a start that fails removes it
  const exit = { exitCode: record.state.exitCode || 128, stoppedByUser: false, restartCount: record.restartCount };
  if (!shouldRestart(record.spec.host.restartPolicy, exit)) return;
  held.update((now) => ({
    ...now,
    restartCount: now.restartCount + 1,
    state: { ...now.state, status: 'restarting', finishedAt: formatTimeNs(needs.clock.nowNs()) },
  }));
  await settlePart(needs, held, 'storing that a container restarts', (now) => storeAgain(needs, id, now));
  needs.restarts.schedule(id, 0, () => void restartAfterExit(needs, id));
}
