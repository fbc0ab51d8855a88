/** The sockets that the API is served on. */
import { chmodSync, chownSync, readFileSync, rmSync, statSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { CausewayError, errorCode, errorMessage } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { DaemonConfig } from './config-shape.ts';
import type { ClientLimits } from './client-limits.ts';
import { makeDirectory } from './directories.ts';
import { keepAccepting } from './keep-accepting.ts';
import { refusePlainHttp } from './plain-http.ts';
import { activatedFds } from './socket-activation.ts';
import { WaitingHandshakes } from './waiting-handshakes.ts';

/**
 * As with dockerd: clients that come while the daemon has no time wait, thousands of them. Node's own is 511; the
 * kernel cuts it to net.core.somaxconn.
 */
const BACKLOG = 4096;
/**
 * A client whose machine has gone says nothing more: the kernel asks, as for dockerd, and so what follows or is attached
 * on its behalf ends.
 */
const CONNECTIONS = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 } as const;

/** For the first bytes of a client that is to speak TLS, and again for its handshake. */
const TLS_PATIENCE_MS = 10_000;

export interface ApiListening {
  readonly hosts: readonly string[];
  readonly group: string;
  /** For TCP sockets, also those of systemd; undefined: plain HTTP. */
  readonly tls: TlsOptions | undefined;
  /** Plain HTTP over TCP, or TLS without certificates of clients, was asked for in so many words. */
  readonly isExplicit: boolean;
  /** Sockets that systemd handed over. */
  readonly activated: number;
  readonly limits: ClientLimits;
}

/** Refuses hosts that could not be listened on, before anything else is touched. Takes nothing. */
export async function checkHosts({ hosts, group, activated }: ApiListening): Promise<void> {
  socketGroup(group);
  for (const host of hosts) {
    const path = socketPath(host);
    if (path !== undefined) {
      await socketFile(path);
      continue;
    }
    if (isActivated(host)) {
      activatedFds(host, activated);
      continue;
    }
    const probe = createServer();
    await listen(probe, tcpAddress(host), host);
    await new Promise((resolve) => probe.close(resolve));
  }
}

/** Listens on every host; a socket file without a listener is stale and replaced. Resolves to what closes them. */
export async function listenOn(
  makeServer: () => HttpServer,
  listening: ApiListening,
  log: Log,
): Promise<() => Promise<void>> {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => void (await Promise.all(closers.map((one) => one())));
  try {
    for (const host of listening.hosts) closers.push(await listenOnHost(makeServer, host, listening, log));
  } catch (error) {
    await close();
    throw error;
  }
  return close;
}

async function listenOnHost(
  makeServer: () => HttpServer,
  host: string,
  { tls, isExplicit, activated, group, limits }: ApiListening,
  log: Log,
): Promise<() => Promise<void>> {
  const path = socketPath(host);
  if (path !== undefined) {
    const server = makeServer();
    await freeSocketPath(path);
    await listen(server, { path }, host);
    keepAccepting(server, log);
    limitClients(server, limits, log);
    const end = closer(server);
    try {
      restrict(path, group);
    } catch (error) {
      await end();
      throw error;
    }
    return async () => {
      await end();
      rmSync(path, { force: true });
    };
  }
  if (isActivated(host)) {
    const fds = activatedFds(host, activated);
    const ends = fds.map(async (fd) => serveOn(makeServer(), await socketOfFd(fd, host), { tls, limits }, log));
    const all = await Promise.all(ends);
    return async () => void (await Promise.all(all.map((end) => end())));
  }
  warnAboutTcp(host, tls, isExplicit, log);
  const front = createServer(CONNECTIONS);
  await listen(front, tcpAddress(host), host);
  return serveOn(makeServer(), front, { tls, limits }, log);
}

/**
 * Serves the API on what a listening socket accepts, through TLS where that is asked for and the socket is one of TCP.
 * Resolves to what closes both.
 */
function serveOn(
  server: HttpServer,
  front: Server,
  { tls, limits }: Pick<ApiListening, 'tls' | 'limits'>,
  log: Log,
): () => Promise<void> {
  keepAccepting(front, log);
  limitClients(front, limits, log);
  const address = front.address(); // null of a unix socket that came as a descriptor
  const isTcp = typeof address === 'object' && address !== null;
  const inner = tls && isTcp ? createTlsServer(tls) : undefined;
  const open = new Set<Socket>();
  const handshakes = new WaitingHandshakes();
  front.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    if (!inner) return void server.emit('connection', socket);
    handshakes.begin(socket);
    refusePlainHttp(socket, TLS_PATIENCE_MS, (begun) => inner.emit('connection', begun));
  });
  inner?.on('secureConnection', (socket) => {
    handshakes.end(socket);
    server.emit('connection', socket);
  });
  inner?.on('tlsClientError', (error, socket) => {
    log.debug({ error: error.message }, 'a client of the API was refused by TLS');
    socket.destroy();
  });
  return async () => {
    const closed = new Promise<void>((resolve) => front.close(() => resolve()));
    server.closeAllConnections();
    for (const socket of open) socket.destroy();
    await closed;
  };
}

function limitClients(server: Server, { open }: ClientLimits, log: Log): void {
  server.maxConnections = open;
  server.on('drop', () => log.warn({ limit: open }, 'a client of the API was sent away: there are too many'));
}

function closer(server: HttpServer): () => Promise<void> {
  return () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

function socketOfFd(fd: number, host: string): Promise<Server> {
  const front = createServer(CONNECTIONS);
  return listen(front, { fd }, `${host} (descriptor ${fd})`).then(() => front);
}

/** dockerd's words. */
function warnAboutTcp(host: string, tls: TlsOptions | undefined, isExplicit: boolean, log: Log): void {
  if (tls?.requestCert === true) return;
  log.warn(
    { host },
    'Binding to IP address without --tlsverify is insecure and gives root access on this machine to everyone who has access to your network.',
  );
  log.warn(
    { host },
    'Binding to an IP address, even on localhost, can also give access to scripts run in a browser. Be safe out there!',
  );
  if (isExplicit || isLoopbackHost(tcpAddress(host).host)) return;
  log.warn(
    { host },
    'Please consider generating tls certificates with client validation to prevent exposing unauthenticated root access to your network',
  );
  log.warn({ host }, "You can override this by explicitly specifying '--tls=false' or '--tlsverify=false'");
}

/** What `info` warns of: TCP addresses that others reach and that ask nobody for a certificate. */
export function apiWarnings({ hosts, tls }: Pick<DaemonConfig, 'hosts' | 'tls'>): string[] {
  if (tls.mode === 'verify') return [];
  return hosts
    .filter((host) => host.startsWith('tcp://') && !isLoopbackHost(tcpAddress(host).host))
    .map((host) => {
      const address = host.slice('tcp://'.length);
      return tls.mode === 'server'
        ? `API is accessible on https://${address} without TLS client verification. Access to the remote API is equivalent to root access on the host: use --tlsverify`
        : `API is accessible on http://${address} without encryption. Access to the remote API is equivalent to root access on the host: use --tlsverify`;
    });
}

const isActivated = (host: string): boolean => host.startsWith('fd://');

function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function socketPath(host: string): string | undefined {
  return host.startsWith('unix://') ? host.slice('unix://'.length) : undefined;
}

function tcpAddress(host: string): { host: string; port: number } {
  const { hostname, port } = new URL(host.replace(/^tcp:/, 'http:'));
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) };
}

type Place = { path: string } | { host: string; port: number } | { fd: number };

function listen(server: Server, where: Place, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      const reason = errorCode(error) === 'EADDRINUSE' ? 'address already in use' : error.message;
      reject(
        new CausewayError('conflict', `failed to load listeners: can't listen on ${host}: ${reason}`, { cause: error }),
      );
    };
    server.once('error', fail);
    server.listen({ ...where, backlog: BACKLOG }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

async function freeSocketPath(path: string): Promise<void> {
  makeDirectory(dirname(path));
  if (await socketFile(path)) rmSync(path, { force: true });
}

/** Whether there is a socket without a listener. @throws conflict when it has one, or when it is no socket */
async function socketFile(path: string): Promise<boolean> {
  let isSocket: boolean;
  try {
    isSocket = statSync(path).isSocket();
  } catch {
    return false;
  }
  if (!isSocket)
    throw new CausewayError(
      'conflict',
      `failed to load listeners: can't create unix socket ${path}: a file that is no socket is in the way`,
    );
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => (probe.destroy(), resolve(true)));
    // Where more clients wait than it has room for, that is EAGAIN: it has a listener.
    probe.once('error', (error) => resolve(errorCode(error) === 'EAGAIN'));
  });
  if (answered)
    throw new CausewayError(
      'conflict',
      `failed to load listeners: can't create unix socket ${path}: address already in use: another daemon answers on it`,
    );
  return true;
}

function restrict(path: string, group: string): void {
  chmodSync(path, 0o660);
  const gid = socketGroup(group);
  if (gid !== undefined) chownSync(path, 0, gid);
}

/** The group of socket files. @throws invalid where the one that was asked for is not there */
export function socketGroup(group: string): number | undefined {
  const gid = groupId(group || 'docker');
  if (gid === undefined && group !== '')
    throw new CausewayError('invalid', `group ${group} not found: create it (groupadd ${group}) or leave --group away`);
  return gid;
}

function groupId(name: string): number | undefined {
  if (/^\d+$/.test(name)) return Number(name);
  try {
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((candidate) => candidate.startsWith(`${name}:`));
    return line === undefined ? undefined : Number(line.split(':')[2]);
  } catch (error) {
    throw new CausewayError('system', `cannot read /etc/group: ${errorMessage(error)}`);
  }
}
