/** A process has ended and conmon, the only one to be notified how, does not report it: it is stopped, or stuck. */
import type { Log } from '../base/log.ts';
import { within } from '../base/within.ts';
import { processState, zombieExitCode } from '../kernel/process.ts';
import type { WatchedProcess } from './container-process.ts';
import { SIGKILL } from './signals.ts';

export interface EndedProcess {
  readonly container: string;
  readonly process: WatchedProcess; // has ended
  readonly conmon: WatchedProcess;
  /** Settles when conmon has reported how. */
  readonly said: Promise<unknown>;
}

/**
 * Gives conmon its time, then kills it, so that its end wakes the waiters. Resolves to the exit code that conmon has
 * not collected; undefined where conmon reported, or where it has collected it.
 */
export async function endSilentConmon(
  { container, process, conmon, said }: EndedProcess,
  waitMs: number,
  log: Log,
): Promise<number | undefined> {
  if (await within(said, waitMs)) return undefined;
  const code = zombieExitCode(process.pid, conmon.pid);
  const facts = {
    container,
    conmon: conmon.pid,
    state: processState(conmon.pid),
    process: process.pid,
    exitCode: code,
  };
  log.error(facts, `conmon did not say within ${waitMs / 1000} s how the process ended, and is killed`);
  conmon.signal(SIGKILL);
  return code;
}
