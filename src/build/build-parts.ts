/** What all stages of one build share. */
import type { BuildSteps } from '../image/build-steps.ts';
import type { ImageRecord } from '../model/image.ts';
import type { Platform } from '../model/platform.ts';
import type { ReportStepNews } from '../model/build-news.ts';
import type { BuildRequest } from './build-request.ts';
import type { CacheMounts } from './cache-mounts.ts';
import type { GlobalArgs } from './dockerfile/build-args.ts';
import type { Stage } from './dockerfile/dockerfile.ts';
import type { NamedContexts } from './named-contexts.ts';
import type { StepCache } from './step-cache.ts';
import type { StepHost } from './step-host.ts';

export interface BuildParts {
  readonly request: BuildRequest;
  readonly host: StepHost;
  readonly steps: Pick<
    BuildSteps,
    'scratch' | 'commit' | 'flush' | 'change' | 'adopt' | 'trying' | 'tryingDirectory' | 'reading' | 'find'
  >;
  readonly cache: Pick<StepCache, 'find' | 'add' | 'hold'>;
  readonly cacheMounts: CacheMounts;
  readonly stages: readonly Stage[];
  /** Instructions that images of others add by ONBUILD. @throws invalid where there are too many of them in all */
  readonly countTriggers: (count: number) => void;
  readonly escape: string;
  readonly globalArgs: GlobalArgs;
  readonly platform: Platform;
  readonly contexts: NamedContexts;
  /** Of the builder's, gone with the build. */
  readonly workDirectory: string;
  /** In memory, for what must not come to a disk. */
  readonly secretDirectory: string;
  readonly signal: AbortSignal;
  /** Images that the build uses, to be let go at its end. */
  readonly held: string[];
  /** What a stage has come to; resolves when it is built. */
  readonly stageImage: (index: number) => Promise<ImageRecord>;
  /** A base image or one that is copied from, pulled where it is not here. */
  readonly image: (reference: string, platform: Platform | undefined, report: ReportStepNews) => Promise<ImageRecord>;
}
