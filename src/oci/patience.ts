/**
 * How long the daemon waits for other programs: conmon, a runtime, a process that was killed. Every wait in this room
 * has one of these bounds; what does not answer by then is named, killed and cleaned up after.
 */
export interface Patience {
  /**
   * For a runtime to create, enter, pause or change a container. A machine that is short of memory may need a minute.
   */
  readonly runtimeMs: number;
  /** For conmon to report how a process ended; for a small program (ps, a runtime's version) to print its output. */
  readonly conmonMs: number;
  /** For a killed process to be gone. */
  readonly killMs: number;
  /** How long an operation on a container may hold up one that ends it: stop, kill, rm -f. */
  readonly graceMs: number;
  /** For a file system that is a mount source to respond. */
  readonly mountMs: number;
}

export const PATIENCE: Patience = {
  runtimeMs: 120_000,
  conmonMs: 10_000,
  killMs: 10_000,
  graceMs: 5_000,
  mountMs: 10_000,
};
