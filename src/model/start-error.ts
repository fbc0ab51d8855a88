/** Why a container or an exec did not start, where the fault is in what was to run. */
import { CausewayError } from '../base/errors.ts';

/**
 * What the container's state shows: 127 where the program is not there, 126 where it may not be executed, 128 for
 * anything else.
 */
export type StartExitCode = 126 | 127 | 128;

export class StartError extends CausewayError {
  readonly exitCode: StartExitCode;

  constructor(message: string, exitCode: StartExitCode, cause?: unknown) {
    // Docker answers 400 where the fault is in what the user asked to run.
    super(exitCode === 128 ? 'system' : 'invalid', message, { cause });
    this.name = 'StartError';
    this.exitCode = exitCode;
  }
}
