/** Programs of other firewalls on this host: run without a shell, for a bounded time, and what they print is not trusted. */
import { runProgram, type ProgramResult } from '../../base/program.ts';

const TIMEOUT_MS = 20_000; // firewalld takes seconds to reload on a small machine

/** Undefined where there is no such program. */
export async function runHostProgram(file: string, args: readonly string[], input?: string): Promise<ProgramResult | undefined> {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`, LC_ALL: 'C' };
  try {
    return await runProgram(file, args, { env, timeoutMs: TIMEOUT_MS, ...(input === undefined ? {} : { input }) });
  } catch (error) {
    if (((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined;
    throw error;
  }
}
