/**
 * The moment at which a container's process has become the container's program. Whoever is told that a container has
 * started may call it, or send it a signal, at once: before that moment the signal would meet the runtime's own code.
 */
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The runtime has a few system calls left; a program that is the runtime's own file shows no difference. */
const PATIENCE_MS = 500;
const LONGEST_STEP_MS = 8;

/** What a process executes, by the numbers of the file: containers have paths of their own. Undefined for one that has ended. */
export function executableOf(pid: number): string | undefined {
  try {
    const { dev, ino } = statSync(`/proc/${pid}/exe`, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/** Ends when the process executes something else than `before`, has ended, or does neither for too long. */
export async function untilBegun(pid: number, before: string | undefined, patienceMs = PATIENCE_MS): Promise<void> {
  if (before === undefined) return;
  let waited = 0;
  for (let step = 1; waited < patienceMs && executableOf(pid) === before; step = Math.min(step * 2, LONGEST_STEP_MS)) {
    await sleep(step);
    waited += step;
  }
}
