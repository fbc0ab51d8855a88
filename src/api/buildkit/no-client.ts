/** Who asks for a build without a session: nothing of its machine can be had. */
import { unavailable } from '../../base/errors.ts';
import type { BuildClient } from '../../model/build-client.ts';

const none = (): never => {
  throw unavailable('no active sessions');
};

export const NO_CLIENT: BuildClient = {
  sharedKey: '',
  openFiles: none,
  secret: async () => undefined,
  login: async () => null,
  hasAgent: async () => false,
  openAgent: none,
  sendFiles: none,
  sendArchive: async () => none(),
};
