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
/**
 * The kernel has accepted the client by the time that this program knows of it, so it cannot be refused any more: a
 * program that was started a moment ago, and does not listen yet, gets so long. What is forwarded by the kernel is
 * refused, and its clients try again.
 */
const REFUSED_FOR_MS = 1000;
const [FIRST_WAIT_MS, LONGEST_WAIT_MS] = [5, 100];
/** Of one port: more than these do not wait. */
const MAX_WAITING = 64;

/** Takes the port at once (KernelError EADDRINUSE if it is taken) and serves it from the next turn of the loop on. */
export function relayTcp(
  address: string,
  port: number,
  target: TargetLookup,
  refusedForMs = REFUSED_FOR_MS,
): { close(): void; setForwarded(forwarded: boolean): void } {
  const fd = openTcpListener({ address, port });
  let server: Server | undefined;
  let closed = false;
  const sockets = new Set<Socket>();
  const waits = { count: 0, forMs: refusedForMs };
  // The kernel queues connections until then: starting a container with a thousand ports does not wait for their
  // servers.
  setImmediate(() => {
    if (closed) return;
    server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      const arrival = arrivalOf(client);
      passOn(client, () => target(arrival), sockets, waits);
    });
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

interface Waits {
  count: number;
  readonly forMs: number;
}

/** Looked up for each attempt: the port may move meanwhile. */
function passOn(client: Socket, lookUp: () => RelayTarget | undefined, sockets: Set<Socket>, waits: Waits): void {
  const until = performance.now() + waits.forMs;
  let server: Socket | undefined;
  let again: NodeJS.Timeout | undefined;
  let isWaiting = false;
  const wait = (): boolean => {
    const mayWait = performance.now() < until && !client.destroyed && (isWaiting || waits.count < MAX_WAITING);
    if (mayWait && !isWaiting) waits.count++;
    isWaiting ||= mayWait;
    return mayWait;
  };
  const waitNoMore = (): void => {
    if (isWaiting) waits.count--;
    isWaiting = false;
  };
  const attempt = (waitMs: number): void => {
    const target = lookUp();
    if (!target) return void client.resetAndDestroy();
    server = connectTo(target, client, sockets, () => {
      if (!wait()) return false;
      again = setTimeout(() => attempt(Math.min(2 * waitMs, LONGEST_WAIT_MS)), waitMs).unref();
      return true;
    });
    server.once('connect', waitNoMore);
  };
  sockets.add(client);
  client.on('error', () => server?.resetAndDestroy());
  client.on('close', () => {
    sockets.delete(client);
    clearTimeout(again);
    waitNoMore();
    // A full close of one side that the pipe has not carried over (a reset) ends the other.
    if (!server?.writableEnded) server?.destroy();
  });
  attempt(FIRST_WAIT_MS);
}

/** `retry`: it was refused; true: it is tried once more, in place of an end of the client. */
function connectTo(target: RelayTarget, client: Socket, sockets: Set<Socket>, retry: () => boolean): Socket {
  const server = connect({ host: target.address, port: target.port, allowHalfOpen: true });
  const timer = setTimeout(() => server.destroy(), CONNECT_TIMEOUT_MS);
  let [isConnected, isRetried] = [false, false];
  sockets.add(server);
  server.once('connect', () => {
    isConnected = true;
    clearTimeout(timer);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.pipe(server);
    server.pipe(client);
  });
  server.on('error', (error: NodeJS.ErrnoException) => {
    isRetried = !isConnected && error.code === 'ECONNREFUSED' && retry();
    if (!isRetried) client.resetAndDestroy();
  });
  server.on('close', () => {
    clearTimeout(timer);
    sockets.delete(server);
    if (!isRetried && !client.writableEnded) client.destroy();
  });
  return server;
}
