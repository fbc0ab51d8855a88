/** The end of a connection that was taken over from HTTP: the client has its time to read and to leave, and no more. */
import type { HijackedConnection } from './hijack.ts';

/** How long a client may leave its half open once all output was sent. */
const LINGER_MS = 10_000;
/** How long the last output waits for its reader: somebody may have left a pager open over night. */
const UNREAD_MS = 24 * 3_600_000;

/** Ends the daemon's half; the socket is closed when the client ends its own, or after a while. */
export async function endConnection(connection: HijackedConnection, last?: Buffer): Promise<void> {
  const { socket, input } = connection;
  input.discard();
  if (last) {
    await connection.headTaken();
    socket.write(last);
  }
  if (socket.destroyed) return;
  let timer = setTimeout(() => socket.destroy(), UNREAD_MS).unref();
  socket.once('close', () => clearTimeout(timer));
  // Only once all is handed to the kernel: a slow reader gets everything.
  socket.end(() => {
    clearTimeout(timer);
    if (!socket.destroyed) timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  });
}
