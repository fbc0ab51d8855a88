/** What is wrong with a Dockerfile, and where: every refusal of the front end has this form. */
import { CausewayError, errorKind, errorMessage } from '../../base/errors.ts';
import { DockerfileError } from '../../model/dockerfile-error.ts';

/** A sentence in Docker's form: "dockerfile parse error on line 3: ...". */
export function parseError(line: number, reason: string): DockerfileError {
  return new DockerfileError(line, `dockerfile parse error on line ${line}: ${reason}`);
}

/** A part of an instruction that is wrong; where it stands is put in front by `onLine`. */
export class InstructionError extends CausewayError {}

export const wrong = (reason: string): InstructionError => new InstructionError('invalid', reason);

/** Runs `work`; what it finds wrong is of that line. */
export function onLine<T>(line: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DockerfileError || errorKind(error) !== 'invalid') throw error;
    throw parseError(line, errorMessage(error));
  }
}
