/** --metrics-addr: one path, over plain HTTP. It changes nothing and reads no body; connections have a limit. */
import { createServer } from 'node:http';
import { IdleConnections } from '../../api/idle-connections.ts';
import { CausewayError, errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { keepAccepting } from '../keep-accepting.ts';

/** Without a request under way: when there are more, the oldest goes, so that silent ones keep nobody out. */
const MAX_IDLE = 64;
const MAX_CONNECTIONS = 2 * MAX_IDLE;
const PATIENCE_MS = 10_000;

/** Resolves to what closes it. @throws conflict where the address cannot be listened on */
export async function serveMetrics(address: string, read: () => string, log: Log): Promise<() => Promise<void>> {
  const idle = new IdleConnections(MAX_IDLE);
  const server = createServer(
    {
      requestTimeout: PATIENCE_MS,
      headersTimeout: PATIENCE_MS,
      keepAliveTimeout: PATIENCE_MS,
      maxHeaderSize: 16 * 1024,
    },
    (request, response) => {
      idle.busy(request.socket);
      response.once('close', () => idle.idle(request.socket));
      request.resume();
      const path = (request.url ?? '').split('?', 1)[0];
      if (path !== '/metrics') return answer(404, '404 page not found\n');
      if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'Method Not Allowed\n');
      try {
        answer(200, read(), 'text/plain; version=0.0.4; charset=utf-8');
      } catch (error) {
        log.warn({ error: errorMessage(error) }, 'the metrics could not be read');
        answer(500, 'the metrics could not be read\n');
      }
      function answer(status: number, body: string, type = 'text/plain; charset=utf-8'): void {
        response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
        response.end(request.method === 'HEAD' ? undefined : body);
      }
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on('connection', (socket) => idle.begin(socket));
  server.setTimeout(PATIENCE_MS, (socket) => socket.destroy());
  const { host, port } = metricsPlace(address);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new CausewayError('conflict', `failed to start metrics server: listen tcp ${address}: ${error.message}`)),
    );
    server.listen({ port, ...(host === '' ? {} : { host }) }, resolve);
  });
  keepAccepting(server, log);
  log.info({ address }, 'metrics API listening');
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

/** 'HOST:PORT', '[::1]:PORT' or ':PORT'. @throws invalid */
export function metricsPlace(address: string): { host: string; port: number } {
  const match = /^(\[[0-9a-fA-F:.%\w]+\]|[^:/\s]*):(\d{1,5})$/.exec(address);
  const port = Number(match?.[2]);
  if (!match || port > 65535)
    throw new CausewayError('invalid', `invalid metrics-addr "${address}": expected ADDRESS:PORT, like 127.0.0.1:9323`);
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port };
}
