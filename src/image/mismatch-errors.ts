/** Content that is not what its name says. */
import { CausewayError } from '../base/errors.ts';

/** The bytes are not those that the digest names; another try would bring the same. */
export class LayerMismatchError extends CausewayError {
  constructor(digest: string) {
    super('system', `filesystem layer verification failed for digest ${digest}`);
    this.name = 'LayerMismatchError';
  }
}

/** A layer unpacks to something else than its image's configuration says. */
export class DiffIdMismatchError extends CausewayError {
  constructor() {
    super('system', "layers from manifest don't match image configuration");
    this.name = 'DiffIdMismatchError';
  }
}
