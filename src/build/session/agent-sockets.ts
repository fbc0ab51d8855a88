/** Agents of the client (ssh) as sockets that steps of a build can use: each connection is a call over the session. */
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, closeSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { BuildClient, ByteConnection } from '../../model/build-client.ts';
import type { SocketOwner } from '../build-request.ts';

const MAX_CONNECTIONS = 64;

interface Open {
  readonly server: Server;
  readonly sockets: Set<Socket>;
}

export class AgentSockets {
  readonly #client: BuildClient;
  readonly #directory: string;
  readonly #signal: AbortSignal;
  readonly #open: Open[] = [];

  /** `directory`: of the build's own, gone with it. */
  constructor(client: BuildClient, directory: string, signal: AbortSignal) {
    this.#client = client;
    this.#directory = directory;
    this.#signal = signal;
  }

  /** Undefined where the client has no agent of that name. */
  async socketFor(id: string, { uid, gid, mode }: SocketOwner): Promise<string | undefined> {
    if (!(await this.#client.hasAgent(id, this.#signal))) return undefined;
    const name = `agent-${randomBytes(6).toString('hex')}`;
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(id, socket, sockets));
    server.maxConnections = MAX_CONNECTIONS;
    this.#open.push({ server, sockets });
    // A socket's address is short: the path below a data root may not be.
    const fd = openSync(this.#directory, 'r');
    try {
      server.listen(`/proc/self/fd/${fd}/${name}`);
      await once(server, 'listening');
    } finally {
      closeSync(fd);
    }
    const path = join(this.#directory, name);
    chownSync(path, uid, gid);
    chmodSync(path, mode);
    return path;
  }

  #serve(id: string, socket: Socket, sockets: Set<Socket>): void {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    try {
      const agent = this.#client.openAgent(id, this.#signal);
      socket.once('close', () => agent.cancel());
      Readable.from(agent.received)
        .on('error', () => socket.destroy())
        .pipe(socket);
      void forward(socket, agent).catch(() => socket.destroy());
    } catch {
      socket.destroy(); // the client has gone
    }
  }

  close(): void {
    for (const { server, sockets } of this.#open.splice(0)) {
      server.close();
      for (const socket of sockets) socket.destroy();
    }
  }
}

async function forward(socket: Socket, agent: ByteConnection): Promise<void> {
  // It stays for what the agent answers.
  for await (const bytes of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)
    await agent.send(bytes);
  agent.end();
}
