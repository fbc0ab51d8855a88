/** Records of the cache of builds, for GET /system/df. */
import type { BuildCacheRecord } from '../../model/build-cache.ts';
import type { BuildCacheJson } from '../../wire/build.ts';

export function toBuildCacheJson(record: BuildCacheRecord): BuildCacheJson {
  return {
    ID: record.id,
    ...(record.parents.length > 0 ? { Parent: record.parents[0]!, Parents: record.parents } : {}),
    Type: record.kind,
    Description: record.description,
    InUse: record.inUse,
    Shared: record.shared,
    Size: record.sizeBytes,
    CreatedAt: new Date(record.createdAtMs).toISOString(),
    LastUsedAt: new Date(record.lastUsedAtMs).toISOString(),
    UsageCount: record.uses,
  };
}
