/** What the cache of builds holds, as `docker system df -v` and `docker builder prune` show it. */
import type { BuildCacheRecord } from '../model/build-cache.ts';
import type { StepCache } from './step-cache.ts';

export interface SharedSteps {
  /** True while the image is in the lists, or its top layer is in one that is. */
  isShared(imageId: string): boolean;
}

/** Directories that stay between builds. */
export interface KeptDirectories {
  all(): Promise<readonly KeptDirectory[]>;
  /** Unless a build is using it. */
  remove(name: string): Promise<void>;
}

export interface KeptDirectory {
  readonly name: string;
  readonly sizeBytes: number;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number;
  readonly inUse: boolean;
}

/** As it is shown, of what a step or a directory is called by. */
export const idOf = (name: string): string => name.slice(0, 25);

export async function cacheRecords(
  cache: Pick<StepCache, 'all' | 'isInUse'>,
  mounts: Pick<KeptDirectories, 'all'>,
  contexts: Pick<KeptDirectories, 'all'>,
  steps: SharedSteps,
): Promise<BuildCacheRecord[]> {
  const all = cache.all();
  const keyOf = new Map(all.map(({ imageId, key }) => [imageId, key]));
  const records = all.map((step): BuildCacheRecord => ({
    id: idOf(step.key),
    parents: [keyOf.get(step.parent)].filter((key) => key !== undefined).map(idOf),
    kind: 'regular',
    description: step.description,
    inUse: cache.isInUse(step.imageId),
    shared: steps.isShared(step.imageId),
    sizeBytes: step.sizeBytes,
    createdAtMs: step.createdAtMs,
    lastUsedAtMs: step.lastUsedAtMs,
    uses: step.uses,
  }));
  const described = [
    [await mounts.all(), 'exec.cachemount', 'cached mount of a RUN step'],
    [await contexts.all(), 'source.local', 'context of a client, kept for its next build'],
  ] as const;
  for (const [directories, kind, description] of described)
    for (const one of directories)
      records.push({
        id: idOf(one.name),
        parents: [],
        kind,
        description,
        inUse: one.inUse,
        shared: false,
        sizeBytes: one.sizeBytes,
        createdAtMs: Math.round(one.createdAtMs),
        lastUsedAtMs: Math.round(one.lastUsedAtMs),
        uses: 0,
      });
  return records;
}
