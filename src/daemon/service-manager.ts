/** systemd, where it started the daemon and expects a notification when that serves (Type=notify, sd_notify(3)). */
import { closeSync } from 'node:fs';
import { errorMessage } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { connectDatagram, sendPacket } from '../kernel/socket.ts';

/**
 * Takes the address out of the environment: a runtime that finds it there would wait for the container to report that
 * it is ready, and any child of the daemon could report for it. The returned function reports that the daemon serves; a
 * missing listener is no reason to end.
 */
export function takeServiceManager(environment: NodeJS.ProcessEnv, log: Log): () => void {
  const address = environment['NOTIFY_SOCKET'];
  delete environment['NOTIFY_SOCKET'];
  if (address === undefined || address === '') return () => {};
  return () => {
    try {
      const fd = connectDatagram(address);
      try {
        sendPacket(fd, Buffer.from('READY=1\n'));
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      log.warn({ address, error: errorMessage(error) }, 'the service manager cannot be told that the daemon serves');
    }
  };
}
