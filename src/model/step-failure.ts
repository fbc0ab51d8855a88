import { CausewayError } from '../base/errors.ts';

/** A command of a build's step ended otherwise than with 0. */
export class StepFailure extends CausewayError {
  readonly command: readonly string[];
  readonly exitCode: number;

  constructor(command: readonly string[], exitCode: number) {
    super('invalid', `The command '${command.join(' ')}' returned a non-zero code: ${exitCode}`);
    this.command = command;
    this.exitCode = exitCode;
  }
}
