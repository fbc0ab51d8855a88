/**
 * stop, kill, pause: they signal, and the exit is dealt with where every exit is (container-exit). They hold no
 * lock while they wait for it.
 */
import { conflict, notModified, systemError } from '../../base/errors.ts';
import { within } from '../../base/within.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { parseSignal } from '../../oci/signals.ts';
import type { RunRuntime } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import { publishContainerEvent } from './container-events.ts';
import type { ContainerTable } from './container-table.ts';
import { lockToEnd, type EndingNeeds } from './ending-lock.ts';
import type { ExitWaits } from './exit-waits.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { RestartTimers } from './restart-policy.ts';
import { releaseNetwork, type ReleaseNeeds } from './shared-network.ts';

export type StopNeeds = EndingNeeds &
  ReleaseNeeds & {
    readonly containers: Pick<ContainerTable, 'find' | 'get'>;
    readonly runtime: Pick<RunRuntime, 'kill' | 'thaw'>;
    readonly restarts: Pick<RestartTimers, 'forget' | 'isRestartedByUser'>;
    readonly waits: Pick<ExitWaits, 'next'>;
    readonly events: EventBus;
  };

export interface PauseNeeds {
  readonly containers: Pick<ContainerTable, 'locked'>;
  readonly runtime: Pick<RunRuntime, 'pause' | 'resume'>;
  readonly health: Pick<HealthMonitor, 'watch' | 'forget'>;
  readonly events: EventBus;
}

const DEFAULT_STOP_TIMEOUT_S = 10;

// For the process to die, for conmon to report it or be ended itself, and for what it used to be taken down.
const killPatienceMs = ({ config }: StopNeeds): number => config.patience.killMs + 2 * config.patience.conmonMs;

export interface StopOptions {
  readonly signal?: string;
  readonly timeoutS?: number;
}

export async function stopContainer(needs: StopNeeds, ref: string, options: StopOptions): Promise<void> {
  const record = needs.containers.find(ref);
  if (record.state.status === 'restarting') return stopRestarting(needs, record.id);
  if (!isUp(record)) throw notModified(`container ${record.name} is not running`);
  await endRun(needs, record, options);
  publishContainerEvent(needs.events, needs.containers.get(record.id) ?? record, 'stop');
}

export function isUp(record: ContainerRecord): boolean {
  return record.state.pid !== 0;
}

/** A restart that waits for its delay is simply not made. */
export async function stopRestarting(needs: StopNeeds, id: string): Promise<void> {
  await lockToEnd(needs, id, async (held) => {
    needs.restarts.forget(id);
    if (held?.record.state.status === 'restarting') {
      const stopped = await held.save((record) => ({
        ...record,
        stoppedByUser: true,
        state: { ...record.state, status: 'exited' },
      }));
      // Others share its network, which was to be there when it starts again.
      if (needs.network.sandbox(id) && !needs.restarts.isRestartedByUser(id)) await releaseNetwork(needs, stopped);
    }
  });
  const now = needs.containers.get(id);
  if (now && isUp(now)) await endRun(needs, now, {}); // it was just being started
}

/**
 * Signals, waits, kills, and returns when the exit has been dealt with. `keep`: also a container that would be removed;
 * `byDaemon`: no user wanted it, so restart policies bring it back with the next daemon.
 */
export async function endRun(
  needs: StopNeeds,
  record: ContainerRecord,
  options: StopOptions,
  why: { keep?: boolean; byDaemon?: boolean } = {},
): Promise<void> {
  const { id } = record;
  let exited: Promise<unknown> | undefined;
  await lockToEnd(needs, id, async (held) => {
    if (!held || !isUp(held.record)) return;
    exited = needs.waits.next(id, 'exit');
    if (why.byDaemon) return;
    await held.save((now) => ({
      ...now,
      stoppedByUser: true,
      spec: why.keep ? { ...now.spec, host: { ...now.spec.host, autoRemove: false } } : now.spec,
    }));
  });
  if (!exited) return; // it ended by itself meanwhile
  const signal = parseSignal(options.signal || record.spec.process.stopSignal || 'SIGTERM');
  const timeoutS = options.timeoutS ?? record.spec.process.stopTimeoutS ?? DEFAULT_STOP_TIMEOUT_S;
  if (timeoutS !== 0) {
    await signalContainer(needs, record, signal);
    if (await within(exited, timeoutS < 0 ? Infinity : timeoutS * 1000)) return;
  }
  await signalContainer(needs, record, 9);
  if (!(await within(exited, killPatienceMs(needs)))) {
    throw systemError(`cannot stop container: ${id}: tried to kill container, but did not receive an exit event`);
  }
}

async function signalContainer(needs: StopNeeds, record: ContainerRecord, signal: number): Promise<void> {
  const now = needs.containers.get(record.id);
  if (!now || !isUp(now)) return;
  publishContainerEvent(needs.events, now, 'kill', { signal: String(signal) });
  await needs.runtime.kill(record.id, signal);
  // A frozen process gets its signal when it thaws.
  if (now.state.status === 'paused') needs.runtime.thaw(record.id);
}

export async function killContainer(needs: StopNeeds, ref: string, signalName: string): Promise<void> {
  const record = needs.containers.find(ref);
  const signal = parseSignal(signalName || 'SIGKILL');
  if (record.state.status === 'restarting') return stopRestarting(needs, record.id);
  if (!isUp(record)) throw conflict(`cannot kill container: ${ref}: container ${record.id} is not running`);
  const stopSignal = parseSignal(record.spec.process.stopSignal || 'SIGTERM');
  if (signal !== 9 && signal !== stopSignal) return signalContainer(needs, record, signal);
  // The user ended it: the restart policy must not bring it back.
  await lockToEnd(needs, record.id, async (held) => {
    if (held && isUp(held.record)) await held.save((now) => ({ ...now, stoppedByUser: true }));
  });
  if (signal !== 9) return signalContainer(needs, record, signal);
  const exited = needs.waits.next(record.id, 'exit');
  await signalContainer(needs, record, 9);
  const now = needs.containers.get(record.id);
  if (now && isUp(now)) await within(exited, killPatienceMs(needs));
}

export function pauseContainer(needs: PauseNeeds, ref: string): Promise<void> {
  return needs.containers.locked(ref, async (held) => {
    const { id } = held;
    if (!isUp(held.record)) throw conflict(`container ${id} is not running`);
    if (held.record.state.status === 'paused') throw conflict(`container ${id} is already paused`);
    await needs.runtime.pause(id);
    const paused = await held.save((record) => ({ ...record, state: { ...record.state, status: 'paused' } }));
    needs.health.forget(id);
    publishContainerEvent(needs.events, paused, 'pause');
  });
}

export function unpauseContainer(needs: PauseNeeds, ref: string): Promise<void> {
  return needs.containers.locked(ref, async (held) => {
    const { id } = held;
    if (held.record.state.status !== 'paused') throw conflict(`container ${id} is not paused`);
    await needs.runtime.resume(id);
    const running = await held.save((record) => ({ ...record, state: { ...record.state, status: 'running' } }));
    needs.health.watch(running);
    publishContainerEvent(needs.events, running, 'unpause');
  });
}
