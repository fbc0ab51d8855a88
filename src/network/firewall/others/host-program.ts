/**
 * Programs of other firewalls on this host: run without a shell, for a bounded time, and what they print is not
 * trusted. One that did not answer (it is stopped, or waits for a lock or a bus that another process holds) is not
 * called again for a while: every caller would wait as long.
 */
import { monotonicMs } from '../../../base/clock.ts';
import { systemError } from '../../../base/errors.ts';
import { runProgram, type ProgramResult } from '../../../base/program.ts';

export const CHANGE_MS = 20_000; // firewalld takes seconds to reload on a small machine
const LEFT_ALONE_MS = 30_000;
/** For callers that only want information: a client waits for their answer. */
export const READ_MS = 3_000;

/** Until when a program is left alone, by its name: what hangs does so for all of this process. */
const silent = new Map<string, number>();

/** How one is run. */
export type Programs = Pick<HostPrograms, 'run'>;

/** Runs them until `signal` comes: those that run then are killed, and no more are run. */
export class HostPrograms {
  readonly #signal: AbortSignal | undefined;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /**
   * Undefined where there is no such program. Rejects with kind `system` where it does not answer within `timeoutMs`,
   * or did not lately.
   */
  async run(
    file: string,
    args: readonly string[],
    input?: string,
    timeoutMs = CHANGE_MS,
  ): Promise<ProgramResult | undefined> {
    if (monotonicMs() < (silent.get(file) ?? 0)) throw didNotAnswer(file);
    const signal = this.#signal;
    if (signal?.aborted) throw systemError(`${file} is not asked: the daemon ends`);
    const env = { ...process.env, PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`, LC_ALL: 'C' };
    let isLate = false;
    const late = () => {
      isLate = true;
      silent.set(file, monotonicMs() + LEFT_ALONE_MS);
    };
    try {
      const result = await runProgram(file, args, {
        env,
        timeoutMs,
        late,
        ...(signal ? { signal } : {}),
        ...(input === undefined ? {} : { input }),
      });
      silent.delete(file);
      return result;
    } catch (error) {
      if (isLate) throw didNotAnswer(file);
      if (((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

const didNotAnswer = (file: string) =>
  systemError(`${file} does not answer (it is asked again after ${LEFT_ALONE_MS / 1000} s)`);
