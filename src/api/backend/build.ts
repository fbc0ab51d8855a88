/** What the build routes need of an engine. */
import type { Readable } from 'node:stream';
import type { BuildCacheRecord, BuildPruneOptions, PrunedBuildCache } from '../../model/build-cache.ts';
import type { ReportNews } from '../../model/build-news.ts';
import type { BuildOrder } from '../../model/build-order.ts';

export interface BuildBackend {
  /** `body` is the context as an archive, unless the order says where it is. Resolves to the image's id. */
  build(order: BuildOrder, body: Readable, report: ReportNews, signal: AbortSignal): Promise<string>;
  buildCache(): Promise<BuildCacheRecord[]>;
  pruneBuildCache(options: BuildPruneOptions): Promise<PrunedBuildCache>;
}
