/** Clients that speak plain HTTP to a TCP socket of TLS are told so in plain HTTP, in the words of Go's server, as dockerd's are. */
import type { Socket } from 'node:net';

/** As Go tells them: by the first five bytes. */
const PLAIN_HTTP = new Set(['GET /', 'HEAD ', 'POST ', 'PUT /', 'OPTIO']);

const ANSWER = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';

/**
 * Waits for the first bytes of a connection. Those of TLS are given back to the socket, which is handed to `encrypted`;
 * plain HTTP is answered and closed here. A client that says nothing for `patienceMs` is let go.
 */
export function refusePlainHttp(socket: Socket, patienceMs: number, encrypted: (socket: Socket) => void): void {
  const silence = setTimeout(() => socket.destroy(), patienceMs);
  const end = (): void => {
    clearTimeout(silence);
    socket.destroy();
  };
  const first = (bytes: Buffer): void => {
    clearTimeout(silence);
    socket.off('error', end).off('end', end).off('close', end);
    if (!PLAIN_HTTP.has(bytes.toString('latin1', 0, 5))) {
      socket.pause();
      socket.unshift(bytes);
      encrypted(socket);
      return;
    }
    socket.on('error', () => socket.destroy());
    socket.resume(); // what is unread when a socket closes makes the kernel reset it, and the answer is lost
    socket.end(ANSWER, () => setTimeout(() => socket.destroy(), LINGER_MS).unref());
  };
  socket.once('data', first).once('error', end).once('end', end).once('close', end);
}

/** For the client to read its answer and close. */
const LINGER_MS = 500;
