/** What the build routes need of an engine. */
import type { Readable } from 'node:stream';
import type { BuildCacheRecord, BuildPruneOptions, PrunedBuildCache } from '../../model/build-cache.ts';
import type { BuildClient } from '../../model/build-client.ts';
import type { SolveWatch } from '../../model/build-watch.ts';
import type { ReportNews } from '../../model/build-news.ts';
import type { BuildOrder } from '../../model/build-order.ts';
import type { SolvedBuild, SolveOrder } from '../../model/solve-order.ts';

export interface BuildBackend {
  /** `body` is the context as an archive, unless the order says where it is. Resolves to the image's id. */
  build(order: BuildOrder, body: Readable, report: ReportNews, signal: AbortSignal): Promise<string>;
  /**
   * As BuildKit's clients ask for it: what is on their machine comes from `client`. `use` has the result while it is sure
   * to be there; when that has ended well, it is in the lists.
   */
  solve(
    order: SolveOrder,
    client: BuildClient,
    watch: SolveWatch,
    signal: AbortSignal,
    use: (solved: SolvedBuild) => Promise<void>,
  ): Promise<void>;
  buildCache(): Promise<BuildCacheRecord[]>;
  pruneBuildCache(options: BuildPruneOptions): Promise<PrunedBuildCache>;
}
