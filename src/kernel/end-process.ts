/** The end of a process that has threads. */
import { exitNow } from './ffi.ts';

/**
 * Ends this process at once with that exit code, whatever its threads are doing. `process.exit` first interrupts each
 * thread, and one that is just in koffi, or loads it, takes the process down with SIGABRT and a core dump.
 */
export function endProcess(code: number): never {
  exitNow(code);
  throw new Error('_exit does not return');
}
