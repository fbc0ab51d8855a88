/** A real HTTP server on a unix socket of its own, ways to speak to it, and its end. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request, type IncomingHttpHeaders, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ApiOptions } from '../../src/api/api-options.ts';
import { createApiServer } from '../../src/api/server.ts';
import { unreadByClient, whenClientGone } from '../../src/daemon/client-sockets.ts';
import { silentLog } from '../../src/base/log.ts';
import { MemoryBackend } from './memory-backend.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly json: any;
}

export interface Served {
  readonly backend: MemoryBackend;
  readonly socketPath: string;
  readonly server: Server;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Sends raw bytes; resolves with everything that came back once the server has closed, or `until` is found. */
  raw(text: string, options?: { end?: boolean; until?: string }): Promise<string>;
  docker(
    args: readonly string[],
    options?: { input?: string; env?: Record<string, string> },
  ): Promise<{ code: number; stdout: string; stderr: string }>;
}

export async function serve(test: TestContext, options: Partial<ApiOptions> = {}): Promise<Served> {
  const backend = new MemoryBackend();
  const directory = await mkdtemp(join(tmpdir(), 'causeway-api-'));
  const socketPath = join(directory, 'api.sock');
  const server = createApiServer(backend, {
    log: silentLog,
    version: '0.1.0',
    cgroupVersion: '2',
    defaultRuntime: 'crun',
    unreadBytes: unreadByClient,
    whenGone: whenClientGone,
    ...options,
  });
  server.listen(socketPath);
  await once(server, 'listening');
  test.after(async () => {
    for (const { process } of backend.list.values()) process?.kill('SIGKILL');
    server.close();
    server.closeAllConnections();
    await rm(directory, { recursive: true });
  });

  return {
    backend,
    socketPath,
    server,
    call: (method, path, body, headers = {}) =>
      new Promise((resolve, reject) => {
        const isText = typeof body === 'string';
        const payload = body === undefined ? undefined : isText ? body : JSON.stringify(body);
        const type =
          payload === undefined
            ? {}
            : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) };
        const outgoing = request(
          { socketPath, method, path, headers: { ...type, ...headers }, agent: false },
          (incoming) => {
            const chunks: Buffer[] = [];
            incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
            incoming.on('error', reject);
            incoming.on('end', () => {
              const text = Buffer.concat(chunks).toString();
              let json: unknown;
              try {
                json = JSON.parse(text);
              } catch {
                json = undefined;
              }
              resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, json });
            });
          },
        );
        outgoing.on('error', reject);
        outgoing.end(payload);
      }),
    raw: (text, { end = false, until } = {}) =>
      new Promise((resolve, reject) => {
        const socket = connect({ path: socketPath, allowHalfOpen: true });
        let received = '';
        socket.on('data', (chunk: Buffer) => {
          received += chunk.toString('latin1');
          if (until !== undefined && received.includes(until)) {
            socket.destroy();
            resolve(received);
          }
        });
        socket.on('end', () => {
          socket.end();
          resolve(received);
        });
        socket.on('error', reject);
        if (end) socket.end(text);
        else socket.write(text);
      }),
    docker: (args, { input = '', env = {} } = {}) =>
      new Promise((resolve) => {
        const child = execFile(
          'docker',
          [...args],
          {
            env: { PATH: process.env['PATH'], HOME: directory, DOCKER_HOST: `unix://${socketPath}`, ...env },
            timeout: 20_000,
          },
          (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
        );
        child.stdin!.on('error', () => {});
        child.stdin!.end(input);
      }),
  };
}
