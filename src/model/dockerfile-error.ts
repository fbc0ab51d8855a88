import { CausewayError } from '../base/errors.ts';

/** A Dockerfile cannot be read. */
export class DockerfileError extends CausewayError {
  /** From 1. */
  readonly line: number;

  constructor(line: number, message: string) {
    super('invalid', message);
    this.line = line;
  }
}
