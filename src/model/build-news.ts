/** How a build goes on, for whoever watches; each step is told of by its number in the whole build, from 1. */
import type { ProgressMessage } from './registry.ts';

export type BuildNews =
  | { readonly news: 'warning'; readonly text: string }
  | { readonly news: 'step'; readonly step: number; readonly steps: number; readonly text: string }
  | { readonly news: 'triggers'; readonly count: number }
  | { readonly news: 'cached' }
  | { readonly news: 'running'; readonly containerId: string }
  | { readonly news: 'removed'; readonly containerId: string }
  | { readonly news: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly news: 'pull'; readonly message: ProgressMessage }
  | { readonly news: 'state'; readonly imageId: string }
  | { readonly news: 'stage'; readonly imageId: string };

export type ReportNews = (news: BuildNews) => void;
