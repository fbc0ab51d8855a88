/** A process has ended and conmon, which alone is told how, does not say so: it is stopped, or stuck. */
import type { Log } from '../base/log.ts';
import { within } from '../base/within.ts';
import { processState, zombieExitCode } from '../kernel/process.ts';
import type { WatchedProcess } from './container-process.ts';
import { SIGKILL } from './signals.ts';

export interface EndedProcess {
  readonly container: string;
  readonly process: WatchedProcess; // has ended
  readonly conmon: WatchedProcess;
  /** Settles when conmon has said how. */
  readonly said: Promise<unknown>;
}

/**
 * Gives conmon its time, then kills it, so that its end tells those who wait. Resolves to the exit code that nobody has asked the kernel for;
 * undefined where conmon spoke, or where it has asked.
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
