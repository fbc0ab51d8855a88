import type { Socket } from 'node:net';
import type { Log } from '../base/log.ts';

/** What the api knows about the engine behind it. */
export interface ApiOptions {
  readonly log: Log;
  readonly version: string; // of the engine, for the Server header
  readonly cgroupVersion?: '1' | '2'; // decides defaults of new containers; '2' when absent
  readonly defaultRuntime?: string; // shown where a container names none; 'runc' when absent
  /** What a user reads of an error instead of its message: with the remedy where one is known. */
  readonly explain?: (error: unknown) => string;
  /** How many connections without a request under way stay open; thousands when absent. */
  readonly maxIdle?: number;
  /** What was sent to a client on this machine and is not read by it yet; 0 where nobody knows. */
  readonly unreadBytes?: (socket: Socket) => number;
  /**
   * Calls `gone` when a client has closed its connection, not only its half of it; the result ends that. When absent a
   * client that has said that it sends no more is missed with the next output.
   */
  readonly whenGone?: (socket: Socket, gone: () => void) => () => void;
  /** Versions before this one are refused; the oldest that is offered when absent or ''. */
  readonly oldestApi?: string;
  readonly experimental?: boolean;
  /** Which builder clients are advised to use, that may use both: BuildKit's door when absent. */
  readonly buildkitIsDefault?: boolean;
  readonly storageDriver?: string; // shown as Driver: 'overlay2' when absent
  /** Fields that API 1.52 took out of answers and old clients read stay in newer versions; false when absent. */
  readonly legacyFields?: boolean;
}
