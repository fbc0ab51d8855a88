/**
 * A process that has worked and has come to rest gives back the memory that it no longer needs: garbage, what the C
 * library keeps of what was freed, and the pages that only its start has read. It looks every five seconds; while it
 * works, or where it has not done anything worth mentioning since the last time, it lets things be.
 */
import { SpareMemory } from '../kernel/spare-memory.ts';

const LOOK_EVERY_MS = 5_000;
/** Of one processor, in the time between two looks: what answers a few questions is no work that would be delayed. */
const QUIET_SHARE = 0.02;
/** Less than that leaves nothing behind which would be worth the stop that giving back is (20 ms; more with many records). */
const WORTH_MS = 200;

/** Whether it is time: of the processor time that the process has had so far. */
export class QuietMoments {
  #lastMs = 0;
  #lastCpuMs = 0;
  #doneCpuMs = 0;

  /** `nowMs` and `cpuMs` count from the start of the process. */
  isOne(nowMs: number, cpuMs: number): boolean {
    const quiet = cpuMs - this.#lastCpuMs <= (nowMs - this.#lastMs) * QUIET_SHARE;
    this.#lastMs = nowMs;
    this.#lastCpuMs = cpuMs;
    return quiet && cpuMs - this.#doneCpuMs >= WORTH_MS;
  }

  /** What giving back has itself taken is no work. */
  done(cpuMs: number): void {
    this.#lastCpuMs = cpuMs;
    this.#doneCpuMs = cpuMs;
  }
}

/**
 * Returns how to stop; it keeps no process alive. For a process that was started with --expose-gc, as both programs
 * are; one that tests start without it does nothing by itself.
 */
export function giveBackWhenQuiet(): () => void {
  const { gc: collectGarbage } = globalThis;
  if (collectGarbage === undefined) return () => {};
  const moments = new QuietMoments();
  const spare = new SpareMemory();
  const timer = setInterval(() => {
    if (!moments.isOne(performance.now(), cpuMs())) return;
    collectGarbage();
    spare.giveBack();
    moments.done(cpuMs());
  }, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}

/** Of all threads. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
