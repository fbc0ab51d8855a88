import { CausewayError } from '../base/errors.ts';

/** Whoever asked for the build has gone. */
export class BuildCancelled extends CausewayError {
  constructor() {
    super('invalid', 'Build cancelled');
  }
}
