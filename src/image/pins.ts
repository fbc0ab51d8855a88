import type { StoredLayer } from './index-file.ts';

/** What an operation has brought in and the index does not name yet. */
export class Pins {
  /** Aborts when no caller waits for it any more. */
  signal: AbortSignal | undefined;
  readonly blobs = new Set<string>();
  readonly layers = new Map<string, StoredLayer>();
}
