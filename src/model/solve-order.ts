/** A build as BuildKit's clients ask for it: most of it is on the client's machine, and comes when it is needed. */
import type { StepLimits } from './build-order.ts';
import type { ContextSource } from './context-source.ts';

export interface SolveOrder {
  /** Of the Dockerfile in its directory. */
  readonly filename: string;
  readonly dockerfileDirectory: string;
  readonly context: ContextSource;
  readonly named: ReadonlyMap<string, ContextSource>;
  readonly args: ReadonlyMap<string, string | undefined>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: string;
  readonly noCache: boolean;
  /** In lower case. */
  readonly noCacheStages: readonly string[];
  readonly pull: boolean;
  readonly platform: string;
  readonly limits: StepLimits;
  readonly cacheFrom: readonly string[];
  readonly exporters: readonly SolveExporter[];
}

export interface SolveExporter {
  /** 'image' is the store of this engine. */
  readonly kind: 'image' | 'local' | 'tar';
  /** What the image is called there. */
  readonly names: readonly string[];
}

/** What was built, until it is let go. */
export interface SolvedBuild {
  readonly imageId: string;
  /** Does what the exporter at this place asks for; resolves to what the client is told of it. */
  export(index: number): Promise<ReadonlyMap<string, string>>;
}
