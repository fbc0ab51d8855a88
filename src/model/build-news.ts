/**
 * How a build goes on, for whoever watches. Each step has an id, which its news carry: several stages are built at once.
 * A step begins with 'step' and comes to an end with 'ended', whatever happens in it.
 */
import type { ProgressMessage } from './registry.ts';

export type BuildNews =
  /** Of the build as a whole where `id` is ''. */
  | { readonly news: 'warning'; readonly id: string; readonly text: string }
  | StepBegins
  | { readonly news: 'triggers'; readonly id: string; readonly count: number }
  | { readonly news: 'cached'; readonly id: string }
  | { readonly news: 'running'; readonly id: string; readonly containerId: string }
  | { readonly news: 'removed'; readonly id: string; readonly containerId: string }
  | { readonly news: 'output'; readonly id: string; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly news: 'pull'; readonly id: string; readonly message: ProgressMessage }
  | { readonly news: 'state'; readonly id: string; readonly imageId: string }
  | StepEnds
  | { readonly news: 'stage'; readonly id: string; readonly imageId: string };

export interface StepBegins {
  readonly news: 'step';
  /** 'sha256:HEX', the same for the same step of the same Dockerfile. */
  readonly id: string;
  /** The step that it goes on from; '' = none in this build. */
  readonly after: string;
  /** By its number in the whole build, from 1, and of how many. */
  readonly step: number;
  readonly steps: number;
  /** As it is written in the Dockerfile. */
  readonly text: string;
  /** undefined = it is before the first stage. */
  readonly place: StepPlace | undefined;
}

/** Where a step is in its stage. */
export interface StepPlace {
  /** 'builder'; 'stage-1' where it has no name. */
  readonly stage: string;
  /** By its number among those that may change files (FROM, RUN, COPY, ADD, WORKDIR), from 1; 0 = it is none of them. */
  readonly step: number;
  readonly steps: number;
}

export interface StepEnds {
  readonly news: 'ended';
  readonly id: string;
  readonly outcome: 'done' | 'failed' | 'cancelled';
  /** Why it failed. */
  readonly message: string;
  /** What it failed with. */
  readonly cause?: unknown;
}

export type ReportNews = (news: BuildNews) => void;

type WithoutId<News> = News extends unknown ? Omit<News, 'id'> : never;

/** News of the step that is under way. */
export type StepNews = WithoutId<Exclude<BuildNews, { news: 'step' | 'ended' }>>;
export type ReportStepNews = (news: StepNews) => void;
