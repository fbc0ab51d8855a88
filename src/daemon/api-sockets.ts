/** The sockets that the API is served on. */
import { chmodSync, chownSync, readFileSync, rmSync, statSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { CausewayError, errorCode, errorMessage } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { isKernelError } from '../kernel/errors.ts';
import { unreadBytes } from '../kernel/socket.ts';
import { makeDirectory } from './directories.ts';

/**
 * As with dockerd: clients that come while the daemon has no time wait, thousands of them. Node's own is 511; the
 * kernel cuts it to net.core.somaxconn.
 */
const BACKLOG = 4096;

/** Refuses hosts that could not be listened on, before anything else is touched. Takes nothing. */
export async function checkHosts(hosts: readonly string[], group: string): Promise<void> {
  socketGroup(group);
  for (const host of hosts) {
    const path = socketPath(host);
    if (path !== undefined) {
      await socketFile(path);
      continue;
    }
    const probe = createServer();
    await listen(probe, tcpAddress(host), host);
    await new Promise((resolve) => probe.close(resolve));
  }
}

/** What was sent to a client and is not read by it yet. The kernel tells it of unix sockets only: 0 for others. */
export function unreadByClient(socket: Socket): number {
  const { fd = -1 } = (socket as { _handle?: { fd?: number } | null })._handle ?? {};
  if (fd < 0 || socket.remoteAddress !== undefined) return 0;
  try {
    return unreadBytes(fd);
  } catch (error) {
    if (isKernelError(error)) return 0;
    throw error;
  }
}

/** Listens on every host; a socket file without a listener is stale and replaced. Resolves to what closes them. */
export async function listenOn(
  makeServer: () => HttpServer,
  hosts: readonly string[],
  group: string,
  log: Log,
): Promise<() => Promise<void>> {
  const servers: { server: HttpServer; path: string | undefined }[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(
      servers.map(
        ({ server }) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
    );
    for (const { path } of servers) if (path !== undefined) rmSync(path, { force: true });
  };
  try {
    for (const host of hosts) {
      const server = makeServer();
      const path = socketPath(host);
      if (path === undefined) {
        log.warn(
          { host },
          'the API is served over TCP without authentication: whoever reaches it is root on this machine',
        );
        await listen(server, tcpAddress(host), host);
      } else {
        await freeSocketPath(path);
        await listen(server, { path }, host);
      }
      servers.push({ server, path });
      if (path !== undefined) restrict(path, group);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return close;
}

function socketPath(host: string): string | undefined {
  return host.startsWith('unix://') ? host.slice('unix://'.length) : undefined;
}

function tcpAddress(host: string): { host: string; port: number } {
  const { hostname, port } = new URL(host.replace(/^tcp:/, 'http:'));
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}

function listen(server: Server, where: { path: string } | { host: string; port: number }, host: string): Promise<void> {
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
    probe.once('error', () => resolve(false));
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
