import { PROGRAM } from './program-name.ts';

/**
 * How a command ends when it does not end well: the sentence for standard error (empty: print nothing, as when a
 * container's own exit code is passed on) and the exit code. 1 unless a command knows better; 125 for the engine's
 * and the command line's own failures in `run`, `create` and in the parsing of flags.
 */
export class StatusError extends Error {
  readonly exitCode: number;
  /** What `run` ends with: 127 where something is not there, 126 where it may not be used, 125 for everything else. */
  readonly runExitCode: number;

  constructor(message: string, exitCode = 1, runExitCode = 125) {
    super(message);
    this.name = 'StatusError';
    this.exitCode = exitCode;
    this.runExitCode = runExitCode;
  }
}

const RUN_EXIT_CODES: Readonly<Record<string, number>> = { ENOENT: 127, EACCES: 126, EISDIR: 126 };

/** What `run` ends with where a file here or the daemon's socket cannot be opened. */
export const runExitCodeOf = (error: unknown): number =>
  RUN_EXIT_CODES[(error as NodeJS.ErrnoException).code ?? ''] ?? 125;

export function errorText(error: unknown): string {
  // Answers are used as what they should be: what is none of that shows here, in JavaScript's words.
  if (error instanceof TypeError)
    return `the daemon's answer is none of the Docker Engine API, or this is a mistake of ${PROGRAM}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
