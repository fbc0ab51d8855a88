/**
 * What the kernel cannot forward to a container: connections to [::1], and IPv6 ones to a container without IPv6.
 * Accepted here and passed on, byte for byte; ends are passed on one direction at a time. Costs nothing until a client
 * connects.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { closeFd, openTcpListener } from '../../../kernel/socket.ts';
import { keepAll, keepUnforwardable } from '../../../kernel/socket-filter.ts';

export interface RelayTarget {
  readonly address: string;
  readonly port: number;
}

/** The host address that a client connects to, and the interface; '' where only the address is known. */
export interface Arrival {
  readonly address: string;
  readonly link: string;
}

/** Where a connection goes now; undefined: nowhere, it is refused. */
export type TargetLookup = (arrival: Arrival) => RelayTarget | undefined;

const CONNECT_TIMEOUT_MS = 10_000;

/** Takes the port at once (KernelError EADDRINUSE if it is taken) and serves it from the next turn of the loop on. */
export function relayTcp(
  address: string,
  port: number,
  target: TargetLookup,
): { close(): void; setForwarded(forwarded: boolean): void } {
  const fd = openTcpListener({ address, port });
  let server: Server | undefined;
  let closed = false;
  const sockets = new Set<Socket>();
  // The kernel queues connections until then: starting a container with a thousand ports does not wait for their
  // servers.
  setImmediate(() => {
    if (closed) return;
    server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) =>
      passOn(client, target(arrivalOf(client)), sockets),
    );
    server.on('error', () => {});
    server.listen({ fd });
    server.unref();
  });
  let filtered = false;
  return {
    // What the kernel forwards to the container must not be answered here while the firewall table is away: a reset
    // would end it.
    setForwarded: (forwarded) => {
      if (closed || forwarded === filtered) return;
      if (forwarded) filtered = keepUnforwardable(fd);
      else {
        keepAll(fd);
        filtered = false;
      }
    },
    close: () => {
      closed = true;
      if (server) server.close();
      else closeFd(fd);
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** A link-local address names its interface. */
function arrivalOf(client: Socket): Arrival {
  const [address = ''] = (client.localAddress ?? '').split('%');
  return { address, link: client.remoteAddress?.split('%')[1] ?? '' };
}

function passOn(client: Socket, target: RelayTarget | undefined, sockets: Set<Socket>): void {
  if (!target) {
    client.resetAndDestroy();
    return;
  }
  const server = connect({ host: target.address, port: target.port, allowHalfOpen: true });
  const timer = setTimeout(() => server.destroy(), CONNECT_TIMEOUT_MS);
  server.once('connect', () => {
    clearTimeout(timer);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.pipe(server);
    server.pipe(client);
  });
  for (const [socket, other] of [
    [client, server],
    [server, client],
  ] as const) {
    sockets.add(socket);
    socket.on('error', () => other.resetAndDestroy());
    socket.on('close', () => {
      clearTimeout(timer);
      sockets.delete(socket);
      // A full close of one side that the pipe has not carried over (a reset) ends the other.
      if (!other.writableEnded) other.destroy();
    });
  }
}
