/** What the cache of builds holds, as `docker system df -v` and `docker builder prune` show it. */
import type { BuildCacheRecord } from '../model/build-cache.ts';
import type { CacheMounts } from './cache-mounts.ts';
import type { StepCache } from './step-cache.ts';

export interface SharedSteps {
  /** True while the image is in the lists, or its top layer is in one that is. */
  isShared(imageId: string): boolean;
}

export async function cacheRecords(
  cache: Pick<StepCache, 'all' | 'isInUse'>,
  mounts: Pick<CacheMounts, 'all'>,
  steps: SharedSteps,
): Promise<BuildCacheRecord[]> {
  const all = cache.all();
  const keyOf = new Map(all.map(({ imageId, key }) => [imageId, key]));
  const records = all.map((step): BuildCacheRecord => ({
    id: step.key.slice(0, 25),
    parents: [keyOf.get(step.parent)].filter((key) => key !== undefined).map((key) => key.slice(0, 25)),
    kind: 'regular',
    description: step.description,
    inUse: cache.isInUse(step.imageId),
    shared: steps.isShared(step.imageId),
    sizeBytes: step.sizeBytes,
    createdAtMs: step.createdAtMs,
    lastUsedAtMs: step.lastUsedAtMs,
    uses: step.uses,
  }));
  for (const mount of await mounts.all())
    records.push({
      id: mount.name.slice(0, 25),
      parents: [],
      kind: 'exec.cachemount',
      description: 'cached mount of a RUN step',
      inUse: mount.inUse,
      shared: false,
      sizeBytes: mount.sizeBytes,
      createdAtMs: Math.round(mount.createdAtMs),
      lastUsedAtMs: Math.round(mount.lastUsedAtMs),
      uses: 0,
    });
  return records;
}
