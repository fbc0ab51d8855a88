/** `docker builder prune`. */
import type { Clock } from '../base/clock.ts';
import type { BuildCacheRecord, BuildPruneOptions, PrunedBuildCache } from '../model/build-cache.ts';
import type { CacheMounts } from './cache-mounts.ts';
import { cacheRecords, type SharedSteps } from './cache-records.ts';
import type { StepCache } from './step-cache.ts';

export async function pruneCache(
  cache: Pick<StepCache, 'all' | 'isInUse' | 'remove'>,
  mounts: Pick<CacheMounts, 'all' | 'remove'>,
  steps: SharedSteps,
  clock: Pick<Clock, 'now'>,
  options: BuildPruneOptions,
): Promise<PrunedBuildCache> {
  const records = await cacheRecords(cache, mounts, steps);
  const before = clock.now() - options.unusedForMs;
  let left = records.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const gone: BuildCacheRecord[] = [];
  for (const record of records.toSorted((a, b) => a.lastUsedAtMs - b.lastUsedAtMs)) {
    if (record.inUse || (!options.all && record.shared) || !options.accept(record)) continue;
    if (options.unusedForMs > 0 && record.lastUsedAtMs > before) continue;
    if (options.keepBytes > 0 && left <= options.keepBytes) break;
    gone.push(record);
    left -= record.sizeBytes;
  }
  const ids = new Set(gone.map(({ id }) => id));
  cache.remove(cache.all().flatMap(({ key }) => (ids.has(key.slice(0, 25)) ? [key] : [])));
  for (const { name } of await mounts.all()) if (ids.has(name.slice(0, 25))) await mounts.remove(name);
  // What an image has too takes no less room.
  const freed = gone.reduce((sum, { sizeBytes, shared }) => sum + (shared ? 0 : sizeBytes), 0);
  return { ids: [...ids], spaceReclaimedBytes: freed };
}
