/**
 * The session of a build: a connection on which the daemon asks for what is on this machine. It gets what the command
 * line named, and nothing else: these directories without what is to be left out, these agents, and the place for files.
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { PassThrough, type Readable } from 'node:stream';
import { once } from 'node:events';
import { serveGrpc, type GrpcCall, type GrpcMethod } from '../../base/grpc/grpc-server.ts';
import { GrpcError, NOT_FOUND } from '../../base/grpc/grpc-status.ts';
import { decode, encode } from '../../wire/protobuf.ts';
import { agentRequest, bytesMessage } from '../../wire/buildkit/session.ts';
import type { ApiClient } from '../api/client.ts';
import type { SentDirectory } from './context-entries.ts';
import { sendDirectory } from './send-directory.ts';

export interface SessionParts {
  /** By the names that the daemon asks for. */
  readonly directories: ReadonlyMap<string, SentDirectory>;
  /** Sockets of ssh agents, by id. */
  readonly agents: ReadonlyMap<string, string>;
  /** What is done with the files that were built, which come as an archive. */
  readonly take: ((archive: Readable) => Promise<void>) | undefined;
  readonly sending: (bytes: number, isAll: boolean) => void;
}

export interface BuildSession {
  /** By which a build is told of it. */
  readonly name: string;
  close(): void;
}

export async function openSession(client: ApiClient, parts: SessionParts): Promise<BuildSession> {
  const name = randomBytes(16).toString('hex');
  const methods = methodsOf(parts);
  const { socket, head } = await client.hijack('/session', {
    headers: {
      Upgrade: 'h2c',
      'X-Docker-Expose-Session-Uuid': name,
      'X-Docker-Expose-Session-Sharedkey': keyOf(parts.directories),
      'X-Docker-Expose-Session-Grpc-Method': [...methods.keys()].join(','),
    },
  });
  if (head.length > 0) socket.unshift(head);
  void serveGrpc(socket, { methods, explain: (error) => (error as Error).message, failed: () => {} });
  return { name, close: () => socket.destroy() };
}

/** The same for the same directories of the same user: the daemon keeps what it was sent. */
function keyOf(directories: SessionParts['directories']): string {
  const places = [...directories].map(([name, { directory }]) => [name, directory]);
  return createHash('sha256')
    .update(JSON.stringify([hostname(), process.getuid?.(), places]))
    .digest('hex');
}

function methodsOf({ directories, agents, take, sending }: SessionParts): ReadonlyMap<string, GrpcMethod> {
  const methods = new Map<string, GrpcMethod>();
  if (directories.size > 0)
    methods.set('/moby.filesync.v1.FileSync/DiffCopy', (call) => {
      const asked = String(call.headers['dir-name'] ?? '');
      const directory = directories.get(asked);
      if (!directory) throw new GrpcError(NOT_FOUND, `no access allowed to dir ${JSON.stringify(asked)}`);
      return sendDirectory(call, directory, sending);
    });
  if (take) methods.set('/moby.filesync.v1.FileSend/DiffCopy', (call) => takeFiles(call, take));
  if (agents.size > 0) {
    const agentOf = (id: string): string => {
      const path = agents.get(id || 'default');
      if (path !== undefined) return path;
      throw new GrpcError(NOT_FOUND, `unset ssh forward key ${id || 'default'}`);
    };
    methods.set('/moby.sshforward.v1.SSH/CheckAgent', async (call) => {
      agentOf(decode(agentRequest, await call.only()).id);
      await call.send(Buffer.alloc(0));
    });
    methods.set('/moby.sshforward.v1.SSH/ForwardAgent', (call) =>
      forward(call, agentOf(String(call.headers['buildkit.ssh.id'] ?? ''))),
    );
  }
  return methods;
}

async function takeFiles(call: GrpcCall, take: (archive: Readable) => Promise<void>): Promise<void> {
  const archive = new PassThrough();
  const gone = (): void => void archive.destroy(new Error('the daemon has ended the transfer of what was built'));
  call.signal.addEventListener('abort', gone, { once: true });
  const taken = take(archive);
  taken.catch(() => archive.destroy());
  for await (const message of call.messages) {
    if (archive.destroyed) break;
    if (!archive.write(decode(bytesMessage, message).data))
      await Promise.race([once(archive, 'drain'), once(archive, 'close')]);
  }
  call.signal.removeEventListener('abort', gone);
  archive.end();
  await taken;
}

async function forward(call: GrpcCall, path: string): Promise<void> {
  const agent = connect(path);
  call.signal.addEventListener('abort', () => agent.destroy(), { once: true });
  await once(agent, 'connect');
  const asked = (async () => {
    for await (const message of call.messages) agent.write(decode(bytesMessage, message).data);
    agent.end();
  })();
  asked.catch(() => agent.destroy());
  for await (const data of agent as AsyncIterable<Buffer>) await call.send(encode(bytesMessage, { data }));
}
