/** What a test orders a hooked daemon to do at its doors, as the JSON of the file named by CAUSEWAY_TEST_ORDER. */
export type Order =
  /** Appends every visit to a file, one JSON line each. */
  | { readonly mode: 'list'; readonly output: string; readonly id?: string }
  /** SIGKILL, from inside, right before the n-th visit of that name since the order was given. */
  | { readonly mode: 'kill'; readonly name: string; readonly n: number; readonly id?: string }
  /** The n-th visit of that name fails with that errno ('ENOSPC'), without anything being done. */
  | { readonly mode: 'fault'; readonly name: string; readonly n: number; readonly errno: string; readonly id?: string };

export interface Visit {
  /** DOOR.CALL@CALLER<CALLER<CALLER, innermost first. */
  readonly name: string;
  readonly n: number;
  /**
   * It is about to change something outside of the process; otherwise it only looks, and only a fault there makes
   * sense.
   */
  readonly acts: boolean;
}
