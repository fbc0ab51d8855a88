/**
 * How long we wait for what is not ours: conmon, a runtime, a process that was killed. Every wait in this room has one of these bounds;
 * what does not answer by then is named, killed and cleaned up after.
 */
export interface Patience {
  /** For a runtime to create, enter, pause or change a container. A machine that is short of memory may need a minute. */
  readonly runtimeMs: number;
  /** For conmon to say how a process ended that has ended; for a small program (ps, a runtime's version) to print what it has to say. */
  readonly conmonMs: number;
  /** For a killed process to be gone. */
  readonly killMs: number;
  /** How long an operation on a container may hold up one that ends it: stop, kill, rm -f. */
  readonly graceMs: number;
  /** For a file system from which somebody mounts something to answer. */
  readonly mountMs: number;
}

export const PATIENCE: Patience = {
  runtimeMs: 120_000,
  conmonMs: 10_000,
  killMs: 10_000,
  graceMs: 5_000,
  mountMs: 10_000,
};
