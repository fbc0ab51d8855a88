/**
 * A Docker Engine API at the wire, for the command line's tests: fixed answers by "METHOD /path" (without the version),
 * and containers whose attach stream the test writes. It records what it was asked.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Asked {
  readonly method: string;
  readonly path: string;
  /** Of the API; empty where the path has none. */
  readonly version: string;
  readonly query: URLSearchParams;
  readonly body: string;
  readonly raw: Buffer;
  readonly headers: IncomingMessage['headers'];
}

/** An answer: JSON (status 200), or whatever the function does with the response. */
export type Answer = object | string | ((asked: Asked, response: ServerResponse, engine: FakeEngine) => void);

export class FakeEngine {
  readonly asked: Asked[] = [];
  readonly host: string;
  readonly #directory = mkdtempSync(join(tmpdir(), 'causeway-cli-'));
  readonly #server: Server;
  readonly #answers: Map<string, Answer>;
  readonly #sockets = new Set<Socket>();

  constructor(answers: Readonly<Record<string, Answer>>) {
    this.#answers = new Map(Object.entries({ ...DEFAULTS, ...answers }));
    this.host = `unix://${join(this.#directory, 'engine.sock')}`;
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(answers: Readonly<Record<string, Answer>> = {}): Promise<FakeEngine> {
    const engine = new FakeEngine(answers);
    await new Promise<void>((resolve) => engine.#server.listen(engine.host.slice('unix://'.length), resolve));
    return engine;
  }

  set(route: string, answer: Answer): void {
    this.#answers.set(route, answer);
  }

  /** What was asked of "METHOD /path", in order. */
  calls(route: string): Asked[] {
    return this.asked.filter(({ method, path }) => `${method} ${path}` === route);
  }

  /** As if the daemon had been killed. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.dropConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://engine');
    const [, version = '', path = ''] = /^(?:\/v(1\.\d+))?(.*)$/.exec(url.pathname) ?? [];
    const chunks: Buffer[] = [];
    if (!isHijack(path)) for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const asked: Asked = {
      method: request.method ?? '',
      path,
      version,
      query: url.searchParams,
      body: raw.toString(),
      raw,
      headers: request.headers,
    };
    this.asked.push(asked);
    const answer = this.#answers.get(`${asked.method} ${path}`);
    if (typeof answer === 'function') answer(asked, response, this);
    else if (answer === undefined) sendJson(response, 404, { message: `page not found: ${asked.method} ${path}` });
    else sendJson(response, 200, answer);
  }
}

const isHijack = (path: string) => path.endsWith('/attach');

const DEFAULTS: Readonly<Record<string, Answer>> = {
  'GET /_ping': (_asked, response) => {
    response.writeHead(200, {
      'Api-Version': '1.50',
      Ostype: 'linux',
      'Content-Type': 'text/plain',
      Server: 'Docker/28.2.2 (linux)',
    });
    response.end('OK');
  },
  'HEAD /_ping': (_asked, response) => {
    response.writeHead(200, { 'Api-Version': '1.50', Ostype: 'linux', Server: 'Docker/28.2.2 (linux)' });
    response.end();
  },
};

export function sendJson(response: ServerResponse, status: number, body: object | string): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(typeof body === 'string' ? body : `${JSON.stringify(body)}\n`);
}

export const refuse =
  (status: number, message: string): Answer =>
  (_asked, response) =>
    sendJson(response, status, { message });
export const empty =
  (status = 204): Answer =>
  (_asked, response) =>
    response.writeHead(status).end();

/** Answers 101 and hands the raw connection over. `early` comes in one piece with the answer. */
export function hijack(response: ServerResponse, multiplexed: boolean, early: Buffer = Buffer.alloc(0)): Socket {
  const socket = response.socket as Socket;
  const type = multiplexed ? 'application/vnd.docker.multiplexed-stream' : 'application/vnd.docker.raw-stream';
  response.detachSocket(socket);
  for (const event of ['data', 'end', 'drain', 'timeout', 'error', 'close']) socket.removeAllListeners(event);
  socket.on('error', () => {});
  const head = `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${type}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`;
  socket.write(Buffer.concat([Buffer.from(head), early]));
  return socket;
}

export function frame(stream: 1 | 2 | 3, text: string): Buffer {
  const data = Buffer.from(text);
  const header = Buffer.alloc(8);
  header.writeUInt8(stream, 0);
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, data]);
}
