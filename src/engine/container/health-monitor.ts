/** Healthchecks: probes on Docker's schedule, the resulting state, and the events of its changes. */
import { noteActivity } from '../../base/activity.ts';
import { formatTimeNs, monotonicMs } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import { afterMs, type LongTimer } from '../../base/long-timer.ts';
import type { ContainerRecord } from '../../model/container.ts';
import type { Healthcheck, HealthProbe, HealthState } from '../../model/health.ts';

const NS_PER_MS = 1_000_000;
const DEFAULT_MS = 30_000;
const DEFAULT_START_INTERVAL_MS = 5_000;
/** Docker refuses shorter ones at create; an image may ask for any. */
const MIN_INTERVAL_MS = 1;
const DEFAULT_RETRIES = 3;
const KEPT_PROBES = 5;
const MAX_COMPLAINT_CHARACTERS = 4096;

export interface ProbeRunner {
  /** Runs the probe to its end, or kills it after the timeout; `output` is the beginning of what it printed. */
  probe(
    record: ContainerRecord,
    cmd: readonly string[],
    timeoutMs: number,
  ): Promise<{ exitCode: number; output: string }>;
  record(id: string): ContainerRecord | undefined;
  /**
   * Stores what `next` makes of the record while no other operation works on the container, and publishes an event when
   * `status` changed. Nothing where it is gone by then, or `next` returns nothing.
   */
  change(id: string, next: (now: ContainerRecord) => HealthState | undefined): Promise<void>;
  nowNs(): bigint;
}

export class HealthMonitor {
  readonly #runner: ProbeRunner;
  readonly #timers = new Map<string, LongTimer>();
  /** Until when failures do not count, on the monotonic clock. */
  readonly #startPeriods = new Map<string, number>();

  constructor(runner: ProbeRunner) {
    this.#runner = runner;
  }

  initialState(record: ContainerRecord): HealthState | null {
    return probeCommand(record) ? { status: 'starting', failingStreak: 0, log: [] } : null;
  }

  watch(record: ContainerRecord): void {
    this.forget(record.id);
    const check = record.spec.process.healthcheck;
    if (!check || !probeCommand(record)) return;
    const startPeriodMs = check.startPeriodNs / NS_PER_MS;
    // It may have been running for long, under an earlier daemon.
    const passedMs = Number(this.#runner.nowNs()) / NS_PER_MS - Date.parse(record.state.startedAt);
    this.#startPeriods.set(record.id, monotonicMs() + Math.min(startPeriodMs, Math.max(0, startPeriodMs - passedMs)));
    this.#schedule(record, check);
  }

  #inStartPeriod(id: string): boolean {
    return monotonicMs() < (this.#startPeriods.get(id) ?? 0);
  }

  forget(id: string): void {
    this.#timers.get(id)?.clear();
    this.#timers.delete(id);
    this.#startPeriods.delete(id);
  }

  forgetAll(): void {
    for (const id of this.#timers.keys()) this.forget(id);
  }

  #schedule(record: ContainerRecord, check: Healthcheck): void {
    const starting = record.state.health?.status === 'starting' && this.#inStartPeriod(record.id);
    const intervalMs = check.intervalNs / NS_PER_MS || DEFAULT_MS;
    const startIntervalMs = check.startIntervalNs / NS_PER_MS || DEFAULT_START_INTERVAL_MS;
    const timer = afterMs(
      Math.max(MIN_INTERVAL_MS, starting && check.startPeriodNs > 0 ? startIntervalMs : intervalMs),
      () => void this.#run(record.id, check),
    );
    this.#timers.set(record.id, timer);
  }

  async #run(id: string, check: Healthcheck): Promise<void> {
    const runner = this.#runner;
    const record = runner.record(id);
    if (!record) return;
    const timer = this.#timers.get(id);
    noteActivity(`health probe of ${record.name}`);
    const start = formatTimeNs(runner.nowNs());
    const timeoutMs = check.timeoutNs / NS_PER_MS || DEFAULT_MS;
    const result = await runner
      .probe(record, probeCommand(record)!, timeoutMs)
      .catch((error: unknown) => ({ exitCode: -1, output: errorMessage(error).slice(0, MAX_COMPLAINT_CHARACTERS) }));
    const probe: HealthProbe = {
      start,
      end: formatTimeNs(runner.nowNs()),
      exitCode: result.exitCode,
      output: result.output,
    };
    await runner.change(id, (now) => {
      // Stopped, paused or restarted meanwhile: this probe does not apply to the present run.
      if (this.#timers.get(id) !== timer || !now.state.health || now.state.pid === 0) return undefined;
      const health = nextHealth(now.state.health, probe, check, this.#inStartPeriod(id));
      this.#schedule({ ...now, state: { ...now.state, health } }, check);
      return health;
    });
  }
}

/** The state after one more probe. Failures in the start period do not count until the first success. */
export function nextHealth(before: HealthState, probe: HealthProbe, check: Healthcheck, inStart: boolean): HealthState {
  const log = [...before.log, probe].slice(-KEPT_PROBES);
  if (probe.exitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  const failingStreak = before.failingStreak + 1;
  if (before.status === 'starting' && inStart) return { status: 'starting', failingStreak: 0, log };
  const unhealthy = failingStreak >= (check.retries || DEFAULT_RETRIES);
  return { status: unhealthy ? 'unhealthy' : before.status, failingStreak, log };
}

function probeCommand(record: ContainerRecord): string[] | undefined {
  const check = record.spec.process.healthcheck;
  const [kind, ...words] = check?.test ?? [];
  if (kind === 'CMD') return words;
  if (kind === 'CMD-SHELL') return [...(record.spec.shell ?? ['/bin/sh', '-c']), words[0] ?? ''];
  return undefined;
}
