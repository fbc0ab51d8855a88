/**
 * The Docker Engine API, 1.24 to 1.55, over an engine that implements `backend/`. The server listens to nothing
 * itself: the daemon hands it sockets. Long streams are never cut by a timer; an error becomes a status in one place.
 */
import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { beginActivity } from '../base/activity.ts';
import { errorKind, errorMessage } from '../base/errors.ts';
import { visibleText } from '../base/control-characters.ts';
import { StartError } from '../model/start-error.ts';
import { isOlderApi } from '../wire/api-version.ts';
import type { ErrorJson } from '../wire/system.ts';
import type { ApiOptions } from './api-options.ts';
import type { Backend } from './backend/system.ts';
import { Call } from './call.ts';
import { HTTP_STATUS } from './http-status.ts';
import { keepEarlyBytes } from './hijack.ts';
import { IdleConnections } from './idle-connections.ts';
import { oneAtATime } from './request-line.ts';
import { createRoutes } from './routes/all.ts';
import { checkRouteVersion } from './shape/shape.ts';
import { endUnread } from './unread-body.ts';
import { NEWEST_API, negotiateVersion, OLDEST_API } from './versions.ts';

const VERSIONED_PATH = /^\/v([0-9.]+)(\/.*)$/;

export function createApiServer(backend: Backend, options: ApiOptions): Server {
  const routes = createRoutes();
  const serverHeader = `Causeway/${options.version} (linux)`;

  const idle = new IdleConnections(options.maxIdle);
  const server = createServer(
    {
      noDelay: true,
      keepAliveTimeout: 0, // clients keep idle connections for long, and a local one costs nothing
      requestTimeout: 0, // a body may be an image that takes hours
      headersTimeout: 0, // its check would also cut hijacked connections whose first raw bytes the parser saw
      maxHeaderSize: 1024 * 1024, // as Go: filters and registry logins are long
      requireHostHeader: false,
    },
    oneAtATime((request, response) => {
      response.setHeader('Api-Version', NEWEST_API);
      response.setHeader('Docker-Experimental', String(options.experimental ?? false));
      response.setHeader('Ostype', 'linux');
      response.setHeader('Server', serverHeader);
      void serve(request, response);
    }, idle),
  );
  server.on('connection', (socket) => idle.begin(socket));
  server.timeout = 0;
  server.on('clientError', answerClientError);
  return server;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { path, search, asked } = splitUrl(request.url ?? '/');
    const match = path === undefined ? undefined : routes.find(request.method ?? 'GET', path);
    if (!match)
      return request.method === 'OPTIONS'
        ? void response.end()
        : sendError(response, 404, { message: 'page not found' });
    let call: Call | undefined;
    const end = beginActivity(`${request.method} ${path!.slice(0, 200)}`);
    try {
      const version = negotiateVersion(asked, options.oldestApi || undefined);
      const { route, name } = match;
      checkRouteVersion({ route, version });
      call = new Call({ request, response, backend, options, version, route, name, search });
      await match.handler(call);
    } catch (error) {
      fail(error, response, call, { asked, explain: options.explain ?? errorMessage });
    } finally {
      end();
    }
  }
}

/** '/v1.44/containers/a%2Fb/json?x=1' -> the decoded path, the search part and the version asked for. */
function splitUrl(url: string): { path: string | undefined; search: string; asked: string } {
  const mark = url.indexOf('?');
  const search = mark === -1 ? '' : url.slice(mark + 1);
  let raw = mark === -1 ? url : url.slice(0, mark);
  if (raw.startsWith('http://')) raw = raw.slice(raw.indexOf('/', 7)); // a client that talks to a proxy
  const versioned = VERSIONED_PATH.exec(raw);
  let path: string | undefined = versioned ? versioned[2]! : raw;
  if (path.includes('%')) path = decodePath(path);
  return { path, search, asked: versioned?.[1] ?? '' };
}

function decodePath(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

function fail(
  error: unknown,
  response: ServerResponse,
  call: Call | undefined,
  { asked, explain }: { readonly asked: string; readonly explain: (error: unknown) => string },
): void {
  const status = HTTP_STATUS[errorKind(error)];
  call?.logFailure(error, status);
  if (response.headersSent || response.destroyed) {
    // Too late for a status: a cut connection is the only way left to show that the answer is incomplete.
    response.destroy();
    return;
  }
  if (asked !== '' && isOlderApi(asked, OLDEST_API)) {
    response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
    response.end(`${visibleText(explain(error))}\n`);
    return;
  }
  const exitCode = error instanceof StartError && error.exitCode !== 128 ? { exitCode: error.exitCode } : {};
  sendError(response, status, { message: visibleText(explain(error)), ...exitCode }, call?.bodyRefused);
}

function sendError(response: ServerResponse, status: number, error: ErrorJson, unread = false): void {
  if (status === 304) {
    response.writeHead(304);
    response.end();
    return;
  }
  const body = Buffer.from(`${JSON.stringify(error)}\n`);
  response.removeHeader('Content-Encoding');
  if (unread) response.setHeader('Connection', 'close');
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  if (unread) endUnread(response.req, response, body);
  else response.end(body);
}

interface ParseError extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
}

function answerClientError(error: ParseError, socket: Socket): void {
  // A client that sends stdin without waiting for the 101 looks like a broken second request.
  if (error.rawPacket && keepEarlyBytes(socket, error.rawPacket.subarray(error.bytesParsed ?? 0))) return;
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${status} ${STATUS_CODES[status]}`,
  );
}
