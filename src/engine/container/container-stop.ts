/**
 * stop, kill, pause: they signal, and the exit is dealt with where every exit is (container-exit). They hold no
 * lock while they wait for it.
 */
import { conflict, errorMessage, notModified, systemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { within } from '../../base/within.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { parseSignal } from '../../oci/signals.ts';
import type { RunRuntime } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import type { AskedStops } from './asked-stops.ts';
import { publishContainerEvent } from './container-events.ts';
import type { ContainerTable } from './container-table.ts';
import { lockToEnd, type EndingNeeds } from './ending-lock.ts';
import type { ExitWaits } from './exit-waits.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { Held } from './held.ts';
import type { RestartTimers } from './restart-policy.ts';
import { releaseNetwork, type ReleaseNeeds } from './shared-network.ts';
import type { StartsUnderWay } from './starts-under-way.ts';
import { notRunning, whileItRuns, type RunningNeeds } from './while-it-runs.ts';

export type StopNeeds = EndingNeeds &
  ReleaseNeeds & {
    readonly containers: Pick<ContainerTable, 'find' | 'get'>;
    readonly runtime: Pick<RunRuntime, 'kill' | 'thaw'> & RunningNeeds['runtime'];
    readonly restarts: Pick<RestartTimers, 'forget' | 'isAwaitingAddress' | 'isRestartedByUser'>;
    readonly starts: Pick<StartsUnderWay, 'has'>;
    readonly health: Pick<HealthMonitor, 'watch'>;
    readonly waits: Pick<ExitWaits, 'next' | 'exited'>;
    readonly stops: AskedStops;
    readonly events: EventBus;
  };

export interface PauseNeeds {
  readonly containers: Pick<ContainerTable, 'locked'>;
  readonly runtime: Pick<RunRuntime, 'pause' | 'resume'> & RunningNeeds['runtime'];
  readonly health: Pick<HealthMonitor, 'watch' | 'forget'>;
  readonly events: EventBus;
}

const DEFAULT_STOP_TIMEOUT_S = 10;

// For the process to die, and for conmon to report it or be ended itself.
const killPatienceMs = ({ config }: StopNeeds): number => config.patience.killMs + 2 * config.patience.conmonMs;
/** For a run that has ended to be taken down and stored; each step of that has an end of its own. */
const SETTLE_MS = 60_000;

export interface StopOptions {
  readonly signal?: string;
  readonly timeoutS?: number;
}

/** @throws notModified when it does not run, and neither is started nor waits to be */
export async function stopContainer(needs: StopNeeds, ref: string, options: StopOptions): Promise<void> {
  const record = needs.containers.find(ref);
  const ended = await endTold(needs, record, () => endRun(needs, record, options));
  if (!ended) throw notModified(`container ${record.name} is not running`);
}

/** Ends a run; the event of the stop is sent once, whoever settles the exit. */
export async function endTold(
  needs: Pick<StopNeeds, 'stops' | 'events' | 'containers'>,
  record: ContainerRecord,
  end: () => Promise<boolean>,
): Promise<boolean> {
  const { id } = record;
  needs.stops.add(id);
  let ended = false;
  try {
    ended = await end();
  } finally {
    // Nobody told of it: it had ended by itself, or was about to be started again.
    const untold = needs.stops.take(id);
    if (untold && ended) publishContainerEvent(needs.events, needs.containers.get(id) ?? record, 'stop');
  }
  return ended;
}

export function isUp(record: ContainerRecord): boolean {
  return record.state.pid !== 0;
}

/**
 * Whether there is something to end: a run, a restart that waits for its delay or for an address of the host, or a start
 * whose record is to come.
 */
function isActive(needs: Pick<StopNeeds, 'starts' | 'restarts'>, record: ContainerRecord): boolean {
  const { id, state } = record;
  return isUp(record) || state.status === 'restarting' || needs.starts.has(id) || needs.restarts.isAwaitingAddress(id);
}

interface EndReason {
  /** Also a container that would be removed stays. */
  readonly keep?: boolean;
  /** No user wanted it: restart policies bring it back with the next daemon. */
  readonly byDaemon?: boolean;
}

export type EndAllNeeds = StopNeeds & { readonly containers: Pick<ContainerTable, 'all'>; readonly log: Log };

/**
 * Ends these containers, as no user's wish: policies start them again with a daemon. What cannot be ended is told, and
 * goes on.
 */
export async function endAll(
  needs: EndAllNeeds,
  options: StopOptions,
  which: (record: ContainerRecord) => boolean = (record) => isActive(needs, record),
): Promise<void> {
  const one = (record: ContainerRecord): Promise<unknown> =>
    endRun(needs, record, options, { byDaemon: true }).catch((error: unknown) =>
      needs.log.warn({ container: record.id, error: errorMessage(error) }, 'could not stop a container'),
    );
  await Promise.all(needs.containers.all().filter(which).map(one));
}

/** A run that is to end. */
interface ClaimedRun {
  readonly record: ContainerRecord;
  readonly exited: Promise<unknown>;
}

/**
 * Signals, waits, kills, and returns when the exit has been dealt with. False: there was nothing to end.
 */
export async function endRun(
  needs: StopNeeds,
  record: ContainerRecord,
  options: StopOptions,
  why: EndReason = {},
): Promise<boolean> {
  const { id } = record;
  const claimed = await claimEnd(needs, record, why);
  if (claimed === 'nothing') return false;
  if (claimed === 'ended') return true;
  const { exited } = claimed;
  const signal = parseSignal(options.signal || record.spec.process.stopSignal || 'SIGTERM');
  const timeoutS = options.timeoutS ?? record.spec.process.stopTimeoutS ?? DEFAULT_STOP_TIMEOUT_S;
  if (signal !== 9 || timeoutS !== 0) {
    await signalRun(needs, record, signal);
    await thawPaused(needs, record);
    if (timeoutS !== 0 && (await within(exited, timeoutS < 0 ? Infinity : timeoutS * 1000))) return true;
  }
  await signalRun(needs, record, 9);
  if (!(await endsOnceKilled(needs, id, exited))) {
    throw systemError(`cannot stop container: ${id}: tried to kill container, but did not receive an exit event`);
  }
  return true;
}

/**
 * False: its process is still there when the patience is over. One that is gone has only to be dealt with, which may
 * take a busy machine longer: who ends it is not told then that it did not end.
 */
async function endsOnceKilled(needs: StopNeeds, id: string, exited: Promise<unknown>): Promise<boolean> {
  if (await within(exited, killPatienceMs(needs))) return true;
  return !needs.runtime.runs(id) && within(exited, SETTLE_MS);
}

/**
 * From here on policies start it no more. What it is doing is decided with its lock held: before that a run may end, a
 * restart begin, or a start come to its end. 'ended': a restart waited for its delay, and is not made.
 */
async function claimEnd(
  needs: StopNeeds,
  { id }: ContainerRecord,
  why: EndReason,
): Promise<ClaimedRun | 'ended' | 'nothing'> {
  const before = needs.containers.get(id);
  if (!before || !isActive(needs, before)) return 'nothing';
  return lockToEnd(needs, id, async (held) => {
    if (!held || !isActive(needs, held.record)) return 'nothing';
    if (!isUp(held.record)) {
      await cancelRestart(needs, held, why);
      return 'ended';
    }
    const exited = needs.waits.next(id, 'exit');
    if (why.byDaemon) return { record: held.record, exited };
    const record = await held.save((now) => ({
      ...now,
      stoppedByUser: true,
      spec: why.keep ? { ...now.spec, host: { ...now.spec.host, autoRemove: false } } : now.spec,
    }));
    return { record, exited };
  });
}

/** A restart that waits for its delay is simply not made; who waits for its end has it now. */
async function cancelRestart(needs: StopNeeds, held: Held, why: EndReason): Promise<void> {
  const { id } = held;
  needs.restarts.forget(id);
  if (why.byDaemon) return;
  const stopped = await held.save((record) => ({
    ...record,
    stoppedByUser: true,
    state: { ...record.state, status: 'exited' },
  }));
  // Others share its network, which was to be there when it starts again.
  if (needs.network.sandbox(id) && !needs.restarts.isRestartedByUser(id)) await releaseNetwork(needs, stopped);
  needs.waits.exited(id, { exitCode: stopped.state.exitCode, error: '' });
}

/** One that has just ended takes no signal; its exit is about to be dealt with, and who ends it waits for that. */
async function signalRun(needs: StopNeeds, record: ContainerRecord, signal: number): Promise<void> {
  try {
    await signalContainer(needs, record, signal);
  } catch (error) {
    if (needs.runtime.runs(record.id)) throw error;
  }
}

async function signalContainer(needs: StopNeeds, record: ContainerRecord, signal: number): Promise<void> {
  const now = needs.containers.get(record.id);
  if (!now || !isUp(now)) return;
  publishContainerEvent(needs.events, now, 'kill', { signal: String(signal) });
  await needs.runtime.kill(record.id, signal);
}

/** A frozen process gets its signal when it thaws; if it does not end of it, it runs from then on. */
async function thawPaused(needs: StopNeeds, { id }: ContainerRecord): Promise<void> {
  if (needs.containers.get(id)?.state.status !== 'paused') return;
  if (!needs.runtime.runs(id)) return;
  needs.runtime.thaw(id);
  await lockToEnd(needs, id, async (held) => {
    if (held?.record.state.status !== 'paused') return;
    const running = held.update((now) => ({ ...now, state: { ...now.state, status: 'running' } }));
    needs.health.watch(running);
    publishContainerEvent(needs.events, running, 'unpause');
  });
}

export async function killContainer(needs: StopNeeds, ref: string, signalName: string): Promise<void> {
  const record = needs.containers.find(ref);
  const { id } = record;
  const signal = parseSignal(signalName || 'SIGKILL');
  const stopSignal = parseSignal(record.spec.process.stopSignal || 'SIGTERM');
  const ends = signal === 9 || signal === stopSignal;
  if (!ends && isUp(record)) {
    await whileItRuns(needs, id, () => signalContainer(needs, record, signal));
    // As with Docker: where nobody said which signal stops it, each may, and it has to thaw to get it.
    if (!record.spec.process.stopSignal) await thawPaused(needs, record);
    return;
  }
  // The user ended it: the restart policy must not bring it back.
  const claimed = await claimEnd(needs, record, {});
  if (claimed === 'nothing') throw notRunning(id);
  if (claimed === 'ended') return;
  await signalRun(needs, record, signal);
  if (signal !== 9) return thawPaused(needs, record);
  await endsOnceKilled(needs, id, claimed.exited);
}

export function pauseContainer(needs: PauseNeeds, ref: string): Promise<void> {
  return needs.containers.locked(ref, async (held) => {
    const { id } = held;
    if (held.record.state.status === 'restarting')
      throw conflict(`Container ${id} is restarting, wait until the container is running`);
    if (!isUp(held.record)) throw notRunning(id);
    if (held.record.state.status === 'paused') throw conflict(`Container ${id} is already paused`);
    await whileItRuns(needs, id, () => needs.runtime.pause(id));
    const paused = await held.save((record) => ({ ...record, state: { ...record.state, status: 'paused' } }));
    needs.health.forget(id);
    publishContainerEvent(needs.events, paused, 'pause');
  });
}

export function unpauseContainer(needs: PauseNeeds, ref: string): Promise<void> {
  return needs.containers.locked(ref, async (held) => {
    const { id } = held;
    if (held.record.state.status !== 'paused') throw conflict(`Container ${id} is not paused`);
    await whileItRuns(needs, id, () => needs.runtime.resume(id));
    const running = await held.save((record) => ({ ...record, state: { ...record.state, status: 'running' } }));
    needs.health.watch(running);
    publishContainerEvent(needs.events, running, 'unpause');
  });
}
