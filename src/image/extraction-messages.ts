/** What the daemon's thread and those that extract send to each other; `job` identifies the archive. */
import type { ToldError } from '../base/errors.ts';
import type { ExtractionTarget } from './tree-extraction.ts';

/** Of the memory that both see. */
export interface ExtractionPiece {
  readonly at: number;
  readonly sizeBytes: number;
}

export type ExtractionOrder =
  /** `source`: a descriptor that is read from its current offset, to its end, or the memory that the archive comes in. */
  | {
      readonly job: number;
      readonly do: 'begin';
      readonly target: ExtractionTarget;
      readonly source: number | SharedArrayBuffer;
    }
  | { readonly job: number; readonly do: 'consume'; readonly piece: ExtractionPiece }
  | { readonly job: number; readonly do: 'end' }
  | { readonly job: number; readonly do: 'abandon' };

export type ExtractionNews =
  | { readonly job: number; readonly taken: number }
  /** The last of a job. `failure` is absent where all went well or the job was abandoned. */
  | { readonly job: number; readonly failure?: ToldError };
