/**
 * Limits of a container as this machine can keep them: what it has not is refused or left out with a warning, and never
 * stored.
 */
import { invalid } from '../base/errors.ts';
import { hasBlockIoWeight, hostCpuset } from '../kernel/cgroup.ts';
import { parseCpuset } from '../model/cpuset.ts';
import type { ResourceSpec } from '../model/resources.ts';

const NO_WEIGHT = 'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.';

/** In Docker's words. @throws invalid */
export function possibleLimits<T extends Partial<ResourceSpec>>(wanted: T): { limits: T; warnings: string[] } {
  const available = hostCpuset();
  requireAvailable('CPUs', wanted.cpusetCpus ?? '', available.cpus);
  requireAvailable('memory nodes', wanted.cpusetMems ?? '', available.mems);
  if (!wanted.blkioWeight || hasBlockIoWeight()) return { limits: wanted, warnings: [] };
  return { limits: { ...wanted, blkioWeight: 0 }, warnings: [NO_WEIGHT] };
}

function requireAvailable(what: string, asked: string, available: string): void {
  const wanted = parseCpuset(asked);
  const there = parseCpuset(available);
  if (typeof wanted === 'string' || typeof there === 'string' || there.size === 0) return; // the first is refused before, the second not known
  if ([...wanted].every((number) => there.has(number))) return;
  throw invalid(`Requested ${what} are not available - requested ${asked}, available: ${available}`);
}
