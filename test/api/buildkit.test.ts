/** BuildKit's clients are told in words that images are not built. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { serve } from './serve.ts';

/** The connection that POST `path` upgrades, as docker's client does it. */
async function upgraded(socketPath: string, path: string, headAlone = true): Promise<Socket> {
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
  if (headAlone) assert.equal(head.length, 0, 'nothing comes with the head');
  else if (head.length > 0) socket.unshift(head);
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
    assert.match(String(headers['grpc-message']), /^This engine has no BuildKit: .*DOCKER_BUILDKIT=0/);
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

/** Lets time pass for the server, which is in this process, until the connection is gone. */
async function untilClosed(t: TestContext, socket: Socket, turn = () => {}): Promise<void> {
  let closed = false;
  socket.once('close', () => (closed = true));
  socket.on('error', () => {});
  while (!closed) {
    t.mock.timers.tick(60_000);
    turn();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a client that leaves its half of a call open and never goes is left', async (t) => {
  const { socketPath } = await serve(t, { unreadBytes: () => 0 }); // for which it would wait by its clock
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const socket = await upgraded(socketPath, '/grpc', false);
  const session = connectHttp2('http://buildkit', { createConnection: () => socket });
  session.on('error', () => {});
  const stream = session.request({ ':method': 'POST', ':path': '/x', 'content-type': 'application/grpc' });
  stream.on('error', () => {});
  await once(stream, 'response');
  const ping = setInterval(() => !session.destroyed && session.ping(() => {}), 1);
  t.after(() => clearInterval(ping));
  await untilClosed(t, socket);
});

test('a client of a session that keeps its half open is left', async (t) => {
  const { socketPath } = await serve(t, { unreadBytes: () => 0 }); // for which it would wait by its clock
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const socket = await upgraded(socketPath, '/session', false);
  socket.allowHalfOpen = true;
  socket.resume();
  await once(socket, 'end');
  await untilClosed(t, socket, () => socket.write('x')); // its end has come: that nobody is there shows with a write
});
