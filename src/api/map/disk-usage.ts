/** What takes space on the disk -> GET /system/df, in the shape of API 1.52 and in that of before. */
import type { BuildCacheJson } from '../../wire/build.ts';
import type { ContainerSummaryJson } from '../../wire/container-summary.ts';
import type { ImageSummaryJson } from '../../wire/image.ts';
import type { UsageByKindJson, DiskUsageJson, UsageJson } from '../../wire/system.ts';
import type { VolumeJson } from '../../wire/volume.ts';

/** What was asked for; undefined: not asked for. */
export interface UsedSpace {
  readonly images?: { readonly items: readonly ImageSummaryJson[]; readonly totalBytes: number };
  readonly containers?: readonly ContainerSummaryJson[];
  readonly volumes?: readonly VolumeJson[];
  readonly buildCache?: readonly BuildCacheJson[];
}

/** `nulls`: what was not asked for is null, as before API 1.52; otherwise it is left out. */
export function toLegacyDiskUsage(used: UsedSpace, nulls: boolean): Partial<DiskUsageJson> {
  const legacy: DiskUsageJson = {
    LayersSize: used.images?.totalBytes ?? 0,
    Images: used.images?.items ?? null,
    Containers: used.containers ?? null,
    Volumes: used.volumes ?? null,
    BuildCache: used.buildCache ?? null,
  };
  return nulls ? legacy : Object.fromEntries(Object.entries(legacy).filter(([, value]) => value !== null));
}

export function toDiskUsage({ images, containers, volumes, buildCache }: UsedSpace, verbose: boolean): UsageByKindJson {
  return {
    ...(images && { ImageUsage: toImageUsage(images, verbose) }),
    ...(containers && { ContainerUsage: toContainerUsage(containers, verbose) }),
    ...(volumes && { VolumeUsage: toVolumeUsage(volumes, verbose) }),
    ...(buildCache && { BuildCacheUsage: toCacheUsage(buildCache, verbose) }),
  };
}

function toImageUsage(
  { items, totalBytes }: NonNullable<UsedSpace['images']>,
  verbose: boolean,
): UsageJson<ImageSummaryJson> {
  // What is shared with an image in use stays: only the rest of the others can be had back.
  const own = ({ Size, SharedSize }: ImageSummaryJson) => (SharedSize < 0 ? 0 : Size - SharedSize);
  return usage(items, verbose, {
    active: items.filter(({ Containers }) => Containers > 0).length,
    totalBytes,
    reclaimableBytes: sum(items.filter(({ Containers }) => Containers === 0).map(own)),
  });
}

function toCacheUsage(items: readonly BuildCacheJson[], verbose: boolean): UsageJson<BuildCacheJson> {
  const own = items.filter(({ Shared }) => !Shared);
  return usage(items, verbose, {
    active: items.filter(({ InUse }) => InUse).length,
    totalBytes: sum(own.map(({ Size }) => Size)),
    reclaimableBytes: sum(own.filter(({ InUse }) => !InUse).map(({ Size }) => Size)),
  });
}

const ACTIVE_STATES = new Set(['running', 'paused', 'restarting']);

function toContainerUsage(items: readonly ContainerSummaryJson[], verbose: boolean): UsageJson<ContainerSummaryJson> {
  const idle = items.filter(({ State }) => !ACTIVE_STATES.has(State));
  return usage(items, verbose, {
    active: items.length - idle.length,
    totalBytes: sum(items.map(({ SizeRw }) => SizeRw ?? 0)),
    reclaimableBytes: sum(idle.map(({ SizeRw }) => SizeRw ?? 0)),
  });
}

function toVolumeUsage(items: readonly VolumeJson[], verbose: boolean): UsageJson<VolumeJson> {
  const measured = items.flatMap(({ UsageData }) => (UsageData && UsageData.Size !== -1 ? [UsageData] : []));
  const unused = measured.filter(({ RefCount }) => RefCount === 0);
  return usage(items, verbose, {
    active: items.length - unused.length,
    totalBytes: sum(measured.map(({ Size }) => Size)),
    reclaimableBytes: sum(unused.map(({ Size }) => Size)),
  });
}

/** As Docker: what is zero is left out. */
function usage<T>(
  items: readonly T[],
  verbose: boolean,
  { active, totalBytes, reclaimableBytes }: { active: number; totalBytes: number; reclaimableBytes: number },
): UsageJson<T> {
  return {
    ...(active === 0 ? {} : { ActiveCount: active }),
    ...(verbose && items.length > 0 ? { Items: items } : {}),
    ...(reclaimableBytes === 0 ? {} : { Reclaimable: reclaimableBytes }),
    ...(items.length === 0 ? {} : { TotalCount: items.length }),
    ...(totalBytes === 0 ? {} : { TotalSize: totalBytes }),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
