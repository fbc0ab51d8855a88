/**
 * Execs of an earlier daemon in a container that still runs: their directories go when their monitor has ended, at once
 * where there is none.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { WatchedProcess } from './container-process.ts';

/**
 * Each that goes on is among `execs` until nothing is left of it. `report` gets what cannot be removed: the end of the
 * container takes that away.
 */
export function settleLeftExecs(
  directory: string,
  execs: Set<Promise<unknown>>,
  report: (error: unknown) => void,
): void {
  const names = listed(directory);
  if (names.length === 0) return;
  let monitors: Map<string, WatchedProcess>;
  try {
    monitors = findMonitors(names);
  } catch (error) {
    return report(error); // which of them go on is not known: all stay
  }
  for (const name of names) {
    const remove = (): void => {
      try {
        rmSync(join(directory, name), { recursive: true, force: true });
      } catch (error) {
        report(error);
      }
    };
    const monitor = monitors.get(name);
    if (!monitor) {
      remove();
      continue;
    }
    keepUntilEnded(execs, monitor.ended.then(remove));
  }
}

/** `exec` does not reject. */
export function keepUntilEnded(execs: Set<Promise<unknown>>, exec: Promise<unknown>): void {
  execs.add(exec);
  void exec.finally(() => execs.delete(exec));
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // there never was an exec
  }
}

/** conmon has the exec's id among its arguments. */
function findMonitors(ids: readonly string[]): Map<string, WatchedProcess> {
  const found = new Map<string, WatchedProcess>();
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || execOf(pid, ids) === undefined) continue;
    // Held first, then looked at again: the number may have become another's.
    const monitor = new WatchedProcess(Number(pid));
    const id = execOf(pid, ids);
    if (id !== undefined && monitor.alive) found.set(id, monitor);
    else monitor.release();
  }
  return found;
}

function execOf(pid: string, ids: readonly string[]): string | undefined {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
    const id = args[args.indexOf('-u') + 1];
    return args.includes('-e') && id !== undefined && ids.includes(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
