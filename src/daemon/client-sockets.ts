/** What the kernel knows of a client of the API beyond what Node tells. */
import type { Socket } from 'node:net';
import { isKernelError } from '../kernel/errors.ts';
import { HangupWatch } from '../kernel/hangup-watch.ts';
import { unreadBytes } from '../kernel/socket.ts';

/** What was sent to a client and is not read by it yet. The kernel tells it of unix sockets only: 0 for others. */
export function unreadByClient(socket: Socket): number {
  const fd = descriptorOf(socket);
  if (fd < 0 || socket.remoteAddress !== undefined) return 0;
  try {
    return unreadBytes(fd);
  } catch (error) {
    if (isKernelError(error)) return 0;
    throw error;
  }
}

let hangups: HangupWatch | undefined;

/**
 * Calls `gone` when a client has closed its connection, not only its half of it; the result ends that. A client over TCP
 * that had all that was sent to it is known to be gone once it has answered a probe (keep-alive).
 */
export function whenClientGone(socket: Socket, gone: () => void): () => void {
  const fd = descriptorOf(socket);
  if (fd < 0) return () => {};
  hangups ??= new HangupWatch();
  const forget = hangups.add(fd, gone);
  socket.once('close', forget);
  return () => {
    socket.off('close', forget);
    forget();
  };
}

/** -1: it has none any more. Through TLS it is the descriptor of the connection below. */
function descriptorOf(socket: Socket): number {
  return (socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
}
