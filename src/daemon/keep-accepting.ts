/** Listening sockets of the daemon go on where a connection cannot be accepted. */
import type { Server } from 'node:net';
import { errorMessage } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

/** The host may have no descriptor or no memory left just now: without a listener the error would end the process. */
export function keepAccepting(server: Server, log: Log): void {
  server.on('error', (error) =>
    log.warn({ error: errorMessage(error) }, 'a connection to the daemon could not be accepted'),
  );
}
