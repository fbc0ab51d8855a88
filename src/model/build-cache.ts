/** What the cache of builds holds, as `docker system df -v` and `docker builder prune` show it. */
export interface BuildCacheRecord {
  readonly id: string;
  readonly parents: readonly string[];
  /** A step, a cache mount of steps, or the directory of a client, kept for its next build. */
  readonly kind: 'regular' | 'exec.cachemount' | 'source.local';
  readonly description: string;
  readonly inUse: boolean;
  /** An image in the lists has it, too. */
  readonly shared: boolean;
  readonly sizeBytes: number;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number;
  readonly uses: number;
}

export interface BuildPruneOptions {
  /** What an image in the lists has, too, and mounts that are kept. */
  readonly all: boolean;
  /** Not what was used later than so long ago; 0 = everything. */
  readonly unusedForMs: number;
  /** So much may stay. */
  readonly keepBytes: number;
  readonly accept: (record: BuildCacheRecord) => boolean;
}

export interface PrunedBuildCache {
  readonly ids: readonly string[];
  readonly spaceReclaimedBytes: number;
}

/** What goes of the cache by itself. Sizes in bytes, 0 = does not matter. */
export interface BuildCacheRule {
  /** What an image in the lists has goes, too. */
  readonly all: boolean;
  readonly unusedForMs: number;
  readonly accept: (record: BuildCacheRecord) => boolean;
  /** Less than this never goes. */
  readonly reservedBytes: number;
  /** More than this does not stay. */
  readonly maxUsedBytes: number;
  /** Of the file system, if what may go is enough for it. */
  readonly minFreeBytes: number;
}

/** As daemon.json has it under `builder.gc`. */
export interface BuildCacheBounds {
  readonly isEnabled: boolean;
  /** One after the other; undefined = the usual ones, with the three bounds below. */
  readonly rules: readonly BuildCacheRule[] | undefined;
  readonly defaults: Pick<BuildCacheRule, 'reservedBytes' | 'maxUsedBytes' | 'minFreeBytes'>;
}
