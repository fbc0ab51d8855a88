/**
 * Limits of a container as this machine can keep them: what it has not is refused or left out with a warning, and never
 * stored.
 */
import { invalid } from '../base/errors.ts';
import { hasBlockIoFile, hasBlockIoWeight, hostCpuset } from '../kernel/cgroup.ts';
import { parseCpuset } from '../model/cpuset.ts';
import type { ResourceSpec } from '../model/resources.ts';

const NO_WEIGHT = 'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.';

const throttle = (what: string, discarded: string): string =>
  `Your kernel does not support ${what} or the cgroup is not mounted. ${discarded} discarded.`;

/** Each with the file of the kernel (cgroup v1) that takes it. */
const PER_DEVICE = [
  ['blkioWeightDevice', 'blkio.weight_device', throttle('Block I/O weight_device', 'Weight-device')],
  ['blkioReadBps', 'blkio.throttle.read_bps_device', throttle('BPS Block I/O read limit', 'Block I/O BPS read limit')],
  [
    'blkioWriteBps',
    'blkio.throttle.write_bps_device',
    throttle('BPS Block I/O write limit', 'Block I/O BPS write limit'),
  ],
  ['blkioReadIops', 'blkio.throttle.read_iops_device', throttle('IOPS Block read limit', 'Block I/O IOPS read limit')],
  [
    'blkioWriteIops',
    'blkio.throttle.write_iops_device',
    throttle('IOPS Block write limit', 'Block I/O IOPS write limit'),
  ],
] as const;

/** In Docker's words. @throws invalid */
export function possibleLimits<T extends Partial<ResourceSpec>>(wanted: T): { limits: T; warnings: string[] } {
  const available = hostCpuset();
  requireAvailable('CPUs', wanted.cpusetCpus ?? '', available.cpus);
  requireAvailable('memory nodes', wanted.cpusetMems ?? '', available.mems);
  const limits: { -readonly [K in keyof T]: T[K] } & { blkioWeight?: number } = { ...wanted };
  const warnings: string[] = [];
  if (wanted.blkioWeight && !hasBlockIoWeight()) {
    limits.blkioWeight = 0;
    warnings.push(NO_WEIGHT);
  }
  for (const [name, file, warning] of PER_DEVICE) {
    if (!wanted[name]?.length || hasBlockIoFile(file)) continue;
    delete limits[name];
    warnings.push(warning);
  }
  return { limits, warnings };
}

function requireAvailable(what: string, asked: string, available: string): void {
  const wanted = parseCpuset(asked);
  const there = parseCpuset(available);
  if (typeof wanted === 'string' || typeof there === 'string' || there.size === 0) return; // the first is refused before, the second not known
  if ([...wanted].every((number) => there.has(number))) return;
  throw invalid(`Requested ${what} are not available - requested ${asked}, available: ${available}`);
}
