/** What the daemon's thread and those that extract send to each other; `job` identifies the archive. */
import type { ToldError } from '../base/errors.ts';
import type { ExtractionTarget } from './tree-extraction.ts';

export type ExtractionOrder =
  /** `file`: a descriptor that is read from its current offset, to its end; without one the archive comes in chunks. */
  | { readonly job: number; readonly do: 'begin'; readonly target: ExtractionTarget; readonly file: number | undefined }
  | { readonly job: number; readonly do: 'consume'; readonly bytes: Uint8Array }
  | { readonly job: number; readonly do: 'end' }
  | { readonly job: number; readonly do: 'abandon' };

export type ExtractionNews =
  | { readonly job: number; readonly taken: number }
  /** The last of a job. `failure` is absent where all went well or the job was abandoned. */
  | { readonly job: number; readonly failure?: ToldError };
