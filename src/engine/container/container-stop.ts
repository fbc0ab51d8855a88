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
  const record = context.table.find(ref);
  if (record.state.status === 'restarting') return stopRestarting(context, record.id);
  if (!isUp(record)) throw notModified(`container ${record.name} is not running`);
  await endRun(context, record, options);
  publishContainerEvent(context.events, context.table.get(record.id) ?? record, 'stop');
}

export function isUp(record: ContainerRecord): boolean {
  return record.state.pid !== 0;
}

/** A restart that waits for its delay is simply not made. */
export async function stopRestarting(context: EngineContext, id: string): Promise<void> {
  await lockToEnd(context, id, async () => {
    context.restarts.forget(id);
    const record = context.table.get(id);
    if (record?.state.status === 'restarting') {
      const stopped: ContainerRecord = { ...record, stoppedByUser: true, state: { ...record.state, status: 'exited' } };
      await context.table.save(stopped);
      // Others share its network, which was to be there when it starts again.
      if (context.network.sandbox(id) && !context.restarts.isRestartedByUser(id)) await releaseNetwork(context, stopped);
    }
  });
  const now = context.table.get(id);
  if (now && isUp(now)) await endRun(context, now, {}); // it was just being started
}

/**
 * Signals, waits, kills, and returns when the exit has been dealt with. `keep`: also a container that would be removed;
 * `byDaemon`: no user wanted it, so restart policies bring it back with the next daemon.
 */
export async function endRun(context: EngineContext, record: ContainerRecord, options: StopOptions, why: { keep?: boolean; byDaemon?: boolean } = {}): Promise<void> {
  const { id } = record;
  let exited: Promise<unknown> | undefined;
  await lockToEnd(context, id, async () => {
    const now = context.table.get(id);
    if (!now || !isUp(now)) return;
    exited = context.waits.next(id, 'exit');
    if (why.byDaemon) return;
    const host = why.keep ? { ...now.spec.host, autoRemove: false } : now.spec.host;
    await context.table.save({ ...now, stoppedByUser: true, spec: { ...now.spec, host } });
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
  const now = context.table.get(record.id);
  if (!now || !isUp(now)) return;
  publishContainerEvent(context.events, now, 'kill', { signal: String(signal) });
  await context.runtime.kill(record.id, signal);
  // A frozen process gets its signal when it thaws.
  if (now.state.status === 'paused') context.runtime.thaw(record.id);
}

export async function killContainer(context: EngineContext, ref: string, signalName: string): Promise<void> {
  const record = context.table.find(ref);
  const signal = parseSignal(signalName || 'SIGKILL');
  if (record.state.status === 'restarting') return stopRestarting(context, record.id);
  if (!isUp(record)) throw conflict(`cannot kill container: ${ref}: container ${record.id} is not running`);
  const stopSignal = parseSignal(record.spec.process.stopSignal || 'SIGTERM');
  if (signal !== 9 && signal !== stopSignal) return signalContainer(context, record, signal);
  // The user ended it: the restart policy must not bring it back.
  await lockToEnd(context, record.id, async () => {
    const now = context.table.get(record.id);
    if (now && isUp(now)) await context.table.save({ ...now, stoppedByUser: true });
  });
  if (signal !== 9) return signalContainer(context, record, signal);
  const exited = context.waits.next(record.id, 'exit');
  await signalContainer(context, record, 9);
  const now = context.table.get(record.id);
  if (now && isUp(now)) await within(exited, killPatienceMs(context));
}

export function pauseContainer(context: EngineContext, ref: string): Promise<void> {
  const { id } = context.table.find(ref);
  return context.lock.run(id, async () => {
    const record = context.table.find(id);
    if (!isUp(record)) throw conflict(`container ${id} is not running`);
    if (record.state.status === 'paused') throw conflict(`container ${id} is already paused`);
    await context.runtime.pause(id);
    const paused: ContainerRecord = { ...record, state: { ...record.state, status: 'paused' } };
    await context.table.save(paused);
    context.health.forget(id);
    publishContainerEvent(context.events, paused, 'pause');
  });
}

export function unpauseContainer(context: EngineContext, ref: string): Promise<void> {
  const { id } = context.table.find(ref);
  return context.lock.run(id, async () => {
    const record = context.table.find(id);
    if (record.state.status !== 'paused') throw conflict(`container ${id} is not paused`);
    await context.runtime.resume(id);
    const running: ContainerRecord = { ...record, state: { ...record.state, status: 'running' } };
    await context.table.save(running);
    context.health.watch(running);
    publishContainerEvent(context.events, running, 'unpause');
  });
}
