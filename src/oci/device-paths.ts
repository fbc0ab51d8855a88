/**
 * Paths of the host that requests name for the numbers of the devices there. Devices are in file systems of this
 * machine: what another process or host serves may not answer, and whoever looks there would wait with it.
 */
import { systemError } from '../base/errors.ts';
import { leadToServed } from '../kernel/silent-mounts.ts';
import type { ResourceSpec } from '../model/resources.ts';

/** @throws systemError with the path that leads there */
export function checkDevicePaths(
  resources: Partial<ResourceSpec>,
  leadsToServed: (paths: readonly string[]) => boolean = leadToServed,
): void {
  const paths = [...new Set(pathsIn(resources))];
  if (paths.length === 0 || !leadsToServed(paths)) return;
  const path = paths.find((one) => leadsToServed([one])) ?? paths[0];
  throw systemError(
    `error gathering device information of "${path}": a file system that another program or host serves is in the way, and devices are not looked for there; name the device by a path below /dev`,
  );
}

const LIMITS = ['blkioWeightDevice', 'blkioReadBps', 'blkioWriteBps', 'blkioReadIops', 'blkioWriteIops'] as const;

function pathsIn(resources: Partial<ResourceSpec>): string[] {
  return [
    ...(resources.devices ?? []).map(({ pathOnHost }) => pathOnHost),
    ...LIMITS.flatMap((name) => (resources[name] ?? []).map(({ path }) => path)),
  ];
}
