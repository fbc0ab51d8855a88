/** The cache as a whole: steps, cache mounts and directories of clients. What it holds, and what goes of it. */
import { statfsSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { BuildCacheBounds, BuildCacheRecord, BuildPruneOptions, PrunedBuildCache } from '../model/build-cache.ts';
import { cacheRecords, idOf, type KeptDirectories, type SharedSteps } from './cache-records.ts';
import { keptBytes, rulesOf, type DiskBytes } from './cache-rules.ts';
import type { StepCache } from './step-cache.ts';

interface KeeperDeps {
  readonly cache: Pick<StepCache, 'all' | 'isInUse' | 'remove'>;
  readonly mounts: KeptDirectories;
  readonly contexts: KeptDirectories;
  readonly steps: SharedSteps;
  readonly clock: Pick<Clock, 'now'>;
  readonly bounds: BuildCacheBounds;
  /** The file system that it is on. */
  readonly directory: string;
  readonly log: Log;
}

/** After a build: another one may follow that needs the same. */
const DELAY_MS = 1000;

export class CacheKeeper {
  readonly #deps: KeeperDeps;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  records(): Promise<BuildCacheRecord[]> {
    const { cache, mounts, contexts, steps } = this.#deps;
    return cacheRecords(cache, mounts, contexts, steps);
  }

  /** One after the other, so that none counts what another removes. */
  prune(options: BuildPruneOptions): Promise<PrunedBuildCache> {
    return this.#inTurn(async () => await this.#remove(await this.records(), options));
  }

  /** What is beyond the bounds goes soon. */
  trimSoon(): void {
    if (!this.#deps.bounds.isEnabled) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.trim().catch((error: unknown) =>
        this.#deps.log.warn({ error: errorMessage(error) }, 'the cache of builds could not be brought into its bounds'),
      );
    }, DELAY_MS).unref();
  }

  trim(): Promise<void> {
    return this.#inTurn(async () => {
      for (const rule of rulesOf(this.#deps.bounds, this.#disk())) {
        const records = await this.records();
        const keepBytes = keptBytes(rule, usedBytes(records), this.#disk());
        await this.#remove(records, { ...rule, keepBytes });
      }
    });
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #disk(): DiskBytes {
    const { blocks, bavail, bsize } = statfsSync(this.#deps.directory);
    return { total: blocks * bsize, free: bavail * bsize };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #remove(records: readonly BuildCacheRecord[], options: BuildPruneOptions): Promise<PrunedBuildCache> {
    const { cache, mounts, contexts, clock } = this.#deps;
    const chosen = chooseRecords(records, clock.now(), options);
    const ids = new Set(chosen.map(({ id }) => id));
    cache.remove(cache.all().flatMap(({ key }) => (ids.has(idOf(key)) ? [key] : [])));
    const kinds = new Set(chosen.map(({ kind }) => kind));
    for (const [kind, kept] of [
      ['exec.cachemount', mounts],
      ['source.local', contexts],
    ] as const)
      if (kinds.has(kind)) for (const { name } of await kept.all()) if (ids.has(idOf(name))) await kept.remove(name);
    return { ids: [...ids], spaceReclaimedBytes: usedBytes(chosen) };
  }
}

/** What an image has too takes no more room. */
const usedBytes = (records: readonly BuildCacheRecord[]): number =>
  records.reduce((sum, { sizeBytes, shared }) => sum + (shared ? 0 : sizeBytes), 0);

/** The ones that were not used for longest first, until no more than that is left. */
export function chooseRecords(
  records: readonly BuildCacheRecord[],
  nowMs: number,
  options: BuildPruneOptions,
): BuildCacheRecord[] {
  const before = nowMs - options.unusedForMs;
  let left = usedBytes(records);
  const gone: BuildCacheRecord[] = [];
  for (const record of records.toSorted((a, b) => a.lastUsedAtMs - b.lastUsedAtMs)) {
    if (record.inUse || (!options.all && record.shared) || !options.accept(record)) continue;
    if (options.unusedForMs > 0 && record.lastUsedAtMs > before) continue;
    if (options.keepBytes > 0 && left <= options.keepBytes) break;
    gone.push(record);
    left -= record.shared ? 0 : record.sizeBytes;
  }
  return gone;
}
