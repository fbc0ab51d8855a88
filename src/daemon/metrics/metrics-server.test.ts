import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { serveMetrics } from './metrics-server.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test('hundreds of clients that say nothing, or half of a request, keep nobody from the metrics', async (t) => {
  const port = await freePort();
  const close = await serveMetrics(`127.0.0.1:${port}`, () => 'up 1\n', silentLog);
  const silent: Socket[] = [];
  t.after(() => {
    for (const socket of silent) socket.destroy();
    return close();
  });
  const scraped = async (): Promise<string> => {
    const asked = get({ host: '127.0.0.1', port, path: '/metrics', agent: false });
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    return (await response.toArray()).join('');
  };
  for (let i = 0; i < 300; i++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    socket.resume();
    if (i % 2 === 0) socket.write('GET /metrics HTTP/1.1\r\n');
    silent.push(socket);
    if (i % 50 === 49) assert.equal(await scraped(), 'up 1\n');
  }
});
