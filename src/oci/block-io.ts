/** Limits of single block devices in OCI terms: a path of the host becomes the numbers of what is there. */
import { statSync } from 'node:fs';
import { errorCode, errorMessage, systemError } from '../base/errors.ts';
import { deviceNumbers } from '../kernel/device-numbers.ts';
import type { DeviceLimit, ResourceSpec } from '../model/resources.ts';
import type { OciBlockIo } from './oci-spec.ts';

type Numbers = ReturnType<typeof deviceNumbers>;

const RATES = {
  blkioReadBps: 'throttleReadBpsDevice',
  blkioWriteBps: 'throttleWriteBpsDevice',
  blkioReadIops: 'throttleReadIOPSDevice',
  blkioWriteIops: 'throttleWriteIOPSDevice',
} as const satisfies Partial<Record<keyof ResourceSpec, keyof OciBlockIo>>;

/** No disk is faster, and a JavaScript number holds it. */
const MAX_RATE = Number.MAX_SAFE_INTEGER;

/** @throws systemError in Docker's words where a path leads to nothing */
export function buildBlockIo(
  spec: Partial<ResourceSpec>,
  numbersOf: (path: string) => Numbers = hostNumbers,
): OciBlockIo | undefined {
  const built: { -readonly [K in keyof OciBlockIo]: OciBlockIo[K] } = {};
  if (spec.blkioWeight) built.weight = spec.blkioWeight;
  const weights = spec.blkioWeightDevice ?? [];
  if (weights.length > 0)
    built.weightDevice = weights.map(({ path, value }) => ({ ...numbersOf(path), weight: value }));
  for (const [name, field] of Object.entries(RATES)) {
    const limits = spec[name as keyof typeof RATES] ?? [];
    if (limits.length > 0)
      built[field] = limits.map(({ path, value }) => ({ ...numbersOf(path), rate: Math.min(value, MAX_RATE) }));
  }
  return Object.keys(built).length > 0 ? built : undefined;
}

/**
 * What a live container is told where the limits are changed: those that are named no longer are lifted, by a rate of 0.
 */
export function changedBlockIo(before: ResourceSpec, changes: Partial<ResourceSpec>): Partial<ResourceSpec> {
  const lifted = (old: readonly DeviceLimit[] = [], now: readonly DeviceLimit[]): readonly DeviceLimit[] => [
    ...now,
    ...old.filter(({ path }) => now.every((one) => one.path !== path)).map(({ path }) => ({ path, value: 0 })),
  ];
  const result: Record<string, readonly DeviceLimit[]> = {};
  for (const name of Object.keys(RATES) as (keyof typeof RATES)[]) {
    const now = changes[name];
    if (now !== undefined) result[name] = lifted(before[name], now);
  }
  return { ...changes, ...result };
}

function hostNumbers(path: string): Numbers {
  try {
    return deviceNumbers(statSync(path).rdev); // through links: /dev/disk/by-id/..
  } catch (error) {
    const reason = errorCode(error) === 'ENOENT' ? 'no such file or directory' : errorMessage(error);
    throw systemError(`stat ${path}: ${reason}`, error);
  }
}
