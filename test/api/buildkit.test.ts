/** BuildKit's clients are told in words that images are not built. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { serve } from './serve.ts';

/** The connection that POST `path` upgrades, as docker's client does it. */
async function upgraded(socketPath: string, path: string): Promise<Socket> {
  const asked = request({
    socketPath,
    method: 'POST',
    path,
    headers: { Connection: 'Upgrade', Upgrade: 'h2c', 'Content-Length': 0 },
  });
  asked.end();
  const [response, socket, head] = (await once(asked, 'upgrade')) as [
    { statusCode: number; headers: object },
    Socket,
    Buffer,
  ];
  assert.equal(head.length, 0, 'nothing comes with the head');
  assert.equal(response.statusCode, 101);
  assert.deepEqual(response.headers, { connection: 'Upgrade', upgrade: 'h2c' });
  return socket;
}

async function callOn(session: ClientHttp2Session, body: Buffer): Promise<IncomingHttpHeaders> {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/moby.buildkit.v1.Control/Solve',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => {});
  stream.end(body);
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return headers;
}

test('every gRPC call is answered with the reason, and the server goes on', async (t) => {
  const { socketPath, call } = await serve(t);
  const socket = await upgraded(socketPath, '/v1.51/grpc');
  const session = connectHttp2('http://buildkit', { createConnection: () => socket });
  for (const size of [0, 5, 300_000]) {
    const headers = await callOn(session, Buffer.alloc(size));
    assert.equal(headers[':status'], 200);
    assert.equal(headers['content-type'], 'application/grpc');
    assert.equal(headers['grpc-status'], '12');
    assert.match(String(headers['grpc-message']), /^This engine does not build images: .*"docker load"/);
  }
  session.close();
  await once(session, 'close');
  assert.equal((await call('GET', '/_ping')).status, 200);
});

test('what is no HTTP/2 ends the connection, and nothing else', async (t) => {
  const { socketPath, call } = await serve(t);
  const socket = await upgraded(socketPath, '/grpc');
  socket.resume();
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100));
  await once(socket, 'close');
  assert.equal((await call('GET', '/_ping')).status, 200);
});

test('a session is ended at once: the call that follows it says why', async (t) => {
  const { socketPath } = await serve(t);
  const socket = await upgraded(socketPath, '/session');
  let received = 0;
  socket.on('data', (chunk: Buffer) => (received += chunk.length));
  await once(socket, 'end');
  assert.equal(received, 0);
  socket.destroy();
});
