/** What the cache of builds holds, as `docker system df -v` and `docker builder prune` show it. */
export interface BuildCacheRecord {
  readonly id: string;
  readonly parents: readonly string[];
  readonly kind: 'regular' | 'exec.cachemount';
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
