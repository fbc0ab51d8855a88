/** The end of a connection that was taken over from HTTP: the client has its time to read and to leave, and no more. */
import type { Socket } from 'node:net';
import type { SessionInput } from './socket-input.ts';

/** How long a client may leave its half open once all output was sent. */
const LINGER_MS = 10_000;
/** How long the last output waits for its reader: somebody may have left a pager open over night. */
const UNREAD_MS = 24 * 3_600_000;

export interface TakenConnection {
  readonly socket: Socket;
  readonly input: SessionInput;
  /**
   * Resolves when the client has read the head, where the kernel tells (unix sockets), or after a while. Many clients
   * read ahead for the head and drop what came with it: their output must not be there yet.
   */
  headTaken(): Promise<void>;
}

/** Ends the daemon's half; the socket is closed when the client ends its own, or after a while. */
export async function endConnection(connection: TakenConnection, last?: Buffer): Promise<void> {
  const { socket, input } = connection;
  input.discard();
  if (last) {
    await connection.headTaken();
    socket.write(last);
  }
  endSocket(socket, input);
}

/** The same, with nothing to be sent. */
export function endSocket(socket: Socket, input: SessionInput): void {
  input.discard();
  if (socket.destroyed) return;
  let timer = setTimeout(() => socket.destroy(), UNREAD_MS).unref();
  socket.once('close', () => clearTimeout(timer));
  // Only once all is handed to the kernel: a slow reader gets everything.
  socket.end(() => {
    clearTimeout(timer);
    if (!socket.destroyed) timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  });
}
