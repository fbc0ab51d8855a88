/** What the builder needs of the engine: its steps run as containers like any other. */
import type { ImageConfig, ImageRecord } from '../model/image.ts';
import type { RegistryAuth, ReportProgress } from '../model/registry.ts';
import type { StepLimits } from '../model/build-order.ts';

/** Something of the builder's that a step sees. */
export interface StepMount {
  readonly target: string;
  readonly readonly: boolean;
  readonly source: { readonly path: string; readonly subpath: string } | { readonly tmpfsBytes: number };
}

export interface StepContainer {
  readonly imageId: string;
  /** Of the stage so far: user, directory and shell. */
  readonly config: ImageConfig;
  readonly command: readonly string[];
  readonly env: readonly string[];
  /** Variables that are in the environment of its process alone, and in no record of it. */
  readonly secretEnv: readonly string[];
  readonly limits: StepLimits;
  readonly mounts: readonly StepMount[];
}

export interface StepHost {
  /** A container that has not been started. */
  createStep(step: StepContainer): Promise<{ readonly id: string; readonly warnings: readonly string[] }>;
  /** Runs it to its end; the signal ends it early. Resolves to its exit code. */
  runStep(
    id: string,
    output: (stream: 'stdout' | 'stderr', data: Buffer) => Promise<void>,
    signal: AbortSignal,
  ): Promise<number>;
  /** What it changed, as a directory of an overlay. */
  stepChanges(id: string): Promise<{ readonly path: string; readonly isMounted: boolean }>;
  removeStep(id: string): Promise<void>;
  /** It stays when the build ends. */
  keepStep(id: string): Promise<void>;
  /** 'user:group' as numbers, by the accounts of the tree. */
  ownerIn(root: string, text: string): Promise<{ readonly uid: number; readonly gid: number }>;
  findImage(reference: string): ImageRecord | undefined;
  pullImage(
    reference: string,
    auth: RegistryAuth | null,
    platform: string,
    report: ReportProgress,
    signal: AbortSignal,
  ): Promise<void>;
  /** The image is in the lists now. */
  announceImage(id: string, tags: readonly string[]): void;
}
