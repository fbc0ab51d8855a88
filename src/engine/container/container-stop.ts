/**
 * stop, kill, pause: they signal, and the exit is dealt with where every exit is (container-exit). They hold no
 * lock while they wait for it.
 */
import { conflict, notModified, systemError } from '../../base/errors.ts';
import { within } from '../../base/within.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { parseSignal } from '../../oci/signals.ts';
import type { EngineContext } from '../engine-context.ts';
import { publishContainerEvent } from './container-events.ts';
import { lockToEnd } from './ending-lock.ts';
import { releaseNetwork } from './shared-network.ts';

const DEFAULT_STOP_TIMEOUT_S = 10;

// For the process to die, for conmon to say so or be ended itself, and for what it used to be taken down.
const killPatienceMs = ({ config }: EngineContext): number => config.patience.killMs + 2 * config.patience.conmonMs;

export interface StopOptions {
  readonly signal?: string;
  readonly timeoutS?: number;
}

export async function stopContainer(context: EngineContext, ref: string, options: StopOptions): Promise<void> {
  const record = context.containers.find(ref);
  if (record.state.status === 'restarting') return stopRestarting(context, record.id);
  if (!isUp(record)) throw notModified(`container ${record.name} is not running`);
  await endRun(context, record, options);
  publishContainerEvent(context.events, context.containers.get(record.id) ?? record, 'stop');
}

export function isUp(record: ContainerRecord): boolean {
  return record.state.pid !== 0;
}

/** A restart that waits for its delay is simply not made. */
export async function stopRestarting(context: EngineContext, id: string): Promise<void> {
  await lockToEnd(context, id, async (held) => {
    context.restarts.forget(id);
    if (held?.record.state.status === 'restarting') {
      const stopped = await held.save((record) => ({ ...record, stoppedByUser: true, state: { ...record.state, status: 'exited' } }));
      // Others share its network, which was to be there when it starts again.
      if (context.network.sandbox(id) && !context.restarts.isRestartedByUser(id)) await releaseNetwork(context, stopped);
    }
  });
  const now = context.containers.get(id);
  if (now && isUp(now)) await endRun(context, now, {}); // it was just being started
}

/**
 * Signals, waits, kills, and returns when the exit has been dealt with. `keep`: also a container that would be removed;
 * `byDaemon`: no user wanted it, so restart policies bring it back with the next daemon.
 */
export async function endRun(context: EngineContext, record: ContainerRecord, options: StopOptions, why: { keep?: boolean; byDaemon?: boolean } = {}): Promise<void> {
  const { id } = record;
  let exited: Promise<unknown> | undefined;
  await lockToEnd(context, id, async (held) => {
    if (!held || !isUp(held.record)) return;
    exited = context.waits.next(id, 'exit');
    if (why.byDaemon) return;
    await held.save((now) => ({ ...now, stoppedByUser: true, spec: why.keep ? { ...now.spec, host: { ...now.spec.host, autoRemove: false } } : now.spec }));
  });
  if (!exited) return; // it ended by itself meanwhile
  const signal = parseSignal(options.signal || record.spec.process.stopSignal || 'SIGTERM');
  const timeoutS = options.timeoutS ?? record.spec.process.stopTimeoutS ?? DEFAULT_STOP_TIMEOUT_S;
  if (timeoutS !== 0) {
    await signalContainer(context, record, signal);
    if (await within(exited, timeoutS < 0 ? Infinity : timeoutS * 1000)) return;
  }
  await signalContainer(context, record, 9);
  if (!(await within(exited, killPatienceMs(context)))) {
    throw systemError(`cannot stop container: ${id}: tried to kill container, but did not receive an exit event`);
  }
}

async function signalContainer(context: EngineContext, record: ContainerRecord, signal: number): Promise<void> {
  const now = context.containers.get(record.id);
  if (!now || !isUp(now)) return;
  publishContainerEvent(context.events, now, 'kill', { signal: String(signal) });
  await context.runtime.kill(record.id, signal);
  // A frozen process gets its signal when it thaws.
  if (now.state.status === 'paused') context.runtime.thaw(record.id);
}

export async function killContainer(context: EngineContext, ref: string, signalName: string): Promise<void> {
  const record = context.containers.find(ref);
  const signal = parseSignal(signalName || 'SIGKILL');
  if (record.state.status === 'restarting') return stopRestarting(context, record.id);
  if (!isUp(record)) throw conflict(`cannot kill container: ${ref}: container ${record.id} is not running`);
  const stopSignal = parseSignal(record.spec.process.stopSignal || 'SIGTERM');
  if (signal !== 9 && signal !== stopSignal) return signalContainer(context, record, signal);
  // The user ended it: the restart policy must not bring it back.
  await lockToEnd(context, record.id, async (held) => {
    if (held && isUp(held.record)) await held.save((now) => ({ ...now, stoppedByUser: true }));
  });
  if (signal !== 9) return signalContainer(context, record, signal);
  const exited = context.waits.next(record.id, 'exit');
  await signalContainer(context, record, 9);
  const now = context.containers.get(record.id);
  if (now && isUp(now)) await within(exited, killPatienceMs(context));
}

export function pauseContainer(context: EngineContext, ref: string): Promise<void> {
  return context.containers.locked(ref, async (held) => {
    const { id } = held;
    if (!isUp(held.record)) throw conflict(`container ${id} is not running`);
    if (held.record.state.status === 'paused') throw conflict(`container ${id} is already paused`);
    await context.runtime.pause(id);
    const paused = await held.save((record) => ({ ...record, state: { ...record.state, status: 'paused' } }));
    context.health.forget(id);
    publishContainerEvent(context.events, paused, 'pause');
  });
}

export function unpauseContainer(context: EngineContext, ref: string): Promise<void> {
  return context.containers.locked(ref, async (held) => {
    const { id } = held;
    if (held.record.state.status !== 'paused') throw conflict(`container ${id} is not paused`);
    await context.runtime.resume(id);
    const running = await held.save((record) => ({ ...record, state: { ...record.state, status: 'running' } }));
    context.health.watch(running);
    publishContainerEvent(context.events, running, 'unpause');
  });
}
