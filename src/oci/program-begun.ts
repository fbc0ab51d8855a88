/**
 * The moment at which a container's process has become the container's program. Whoever is told that a container has
 * started may call it, or send it a signal, at once: before that moment the signal would meet the runtime's own code.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryLayout } from '../kernel/process.ts';

/** The runtime has a few system calls left. */
const PATIENCE_MS = 500;
const LONGEST_STEP_MS = 8;

/**
 * Ends when the process executes something else than when its memory was laid out as `before`, has ended, or does
 * neither for too long. Its executable (/proc/PID/exe) is not looked at: it may be in a file system that does not
 * answer.
 */
export async function untilBegun(pid: number, before: string | undefined, patienceMs = PATIENCE_MS): Promise<void> {
  if (before === undefined) return;
  let waited = 0;
  for (let step = 1; waited < patienceMs && memoryLayout(pid) === before; step = Math.min(step * 2, LONGEST_STEP_MS)) {
    await sleep(step);
    waited += step;
  }
}
