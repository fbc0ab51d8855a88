/**
 * The end of an answer whose client is still sending. Closing a socket with unread bytes in it makes the client's next
 * write fail, and many a client then never reads the response. So the connection stays a while: what comes is thrown
 * away, slowly.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** How long a client that goes on sending has to read its answer. */
const LINGER_MS = 2000;
/**
 * Between two pieces that are thrown away: an endless body costs next to nothing, and a client that stops soon ends by
 * itself.
 */
const PIECE_MS = 10;

/**
 * Sends `body` after a head with its length and `Connection: close`; the connection ends when the request does, or
 * after LINGER_MS.
 */
export function endUnread(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const { socket } = request;
  response.write(body);
  let next: NodeJS.Timeout | undefined;
  const end = (): void => {
    clearTimeout(next);
    clearTimeout(last);
    response.end();
  };
  const last = setTimeout(() => {
    end();
    socket.destroy();
  }, LINGER_MS).unref();
  request.on('data', () => {
    request.pause();
    next = setTimeout(() => request.resume(), PIECE_MS).unref();
  });
  request.once('end', end);
  response.once('close', end);
  request.resume();
}
