/** Attach over a websocket: the handshake, frames both ways, what ends it, and clients that do not keep to it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { frameHeader, OPCODE } from '../../src/api/websocket/frames.ts';
import { arrival, create } from './hijacked.ts';
import { serve, type Served } from './serve.ts';

/** Masked with zeros, which changes no byte. */
function clientFrame(opcode: number, text: string): Buffer {
  const header = frameHeader(opcode, Buffer.byteLength(text));
  header[1]! |= 0x80;
  return Buffer.concat([header, Buffer.alloc(4), Buffer.from(text)]);
}

interface ServerFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

function parse(bytes: Buffer): ServerFrame[] {
  const frames: ServerFrame[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const short = bytes[at + 1]!;
    assert.equal(short & 0x80, 0, 'a server does not mask');
    const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
    if (start > bytes.length) break;
    const size =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    frames.push({ opcode: bytes[at]! & 0x0f, payload: bytes.subarray(start, start + size) });
    at = start + size;
  }
  return frames;
}

async function attachByWebsocket(served: Served, path: string) {
  const socket = connect({ path: served.socketPath, allowHalfOpen: true });
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: d\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  let received = Buffer.alloc(0);
  let ended = false;
  socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
  socket.on('end', () => (ended = true));
  socket.on('error', () => (ended = true));
  const until = async (condition: () => boolean) => {
    while (!condition() && !ended) await arrival(socket);
  };
  await until(() => received.includes('\r\n\r\n'));
  const split = received.indexOf('\r\n\r\n') + 4;
  const frames = () => parse(received.subarray(split));
  const output = () =>
    Buffer.concat(
      frames()
        .filter(({ opcode }) => opcode < OPCODE.close)
        .map(({ payload }) => payload),
    );
  return {
    socket,
    head: received.subarray(0, split).toString(),
    frames,
    output: () => output().toString(),
    until,
    send: (opcode: number, text: string) => socket.write(clientFrame(opcode, text)),
    end: () => until(() => false),
    /** The code of the close frame, which is the last. */
    closeCode: () => {
      const last = frames().at(-1)!;
      assert.equal(last.opcode, OPCODE.close);
      return last.payload.readUInt16BE(0);
    },
  };
}

const STREAMS = 'stream=1&stdin=1&stdout=1&stderr=1';

test('websocket: the handshake, output of both streams in binary messages, a close frame at the end', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['sh', '-c', 'echo out; echo err >&2'] });
  const attached = await attachByWebsocket(served, `/containers/c/attach/ws?${STREAMS}`);
  assert.match(attached.head, /^HTTP\/1\.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n/);
  assert.match(attached.head, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/); // of the RFC's example
  assert.doesNotMatch(attached.head, /Sec-WebSocket-Protocol/i);
  await served.call('POST', '/containers/c/start');
  await attached.end();
  assert.deepEqual(attached.output().split('\n').sort(), ['', 'err', 'out']);
  assert.ok(attached.frames().every(({ opcode }) => opcode === OPCODE.binary || opcode === OPCODE.close));
  assert.equal(attached.closeCode(), 1000);
});

test('websocket: text messages for clients before 1.28, all streams for those before 1.42', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['sh', '-c', 'echo out; echo err >&2'] });
  const opcodeOf = { '1.27': OPCODE.text, '1.28': OPCODE.binary, '1.41': OPCODE.binary };
  const all = await Promise.all(
    Object.keys(opcodeOf).map((version) => attachByWebsocket(served, `/v${version}/containers/c/attach/ws?stream=1`)),
  );
  const none = await attachByWebsocket(served, '/v1.42/containers/c/attach/ws?stream=1');
  const stderr = await attachByWebsocket(served, '/v1.42/containers/c/attach/ws?stream=1&stderr=1');
  await served.call('POST', '/containers/c/start');
  for (const [index, opcode] of Object.values(opcodeOf).entries()) {
    await all[index]!.end();
    assert.deepEqual(all[index]!.output().split('\n').sort(), ['', 'err', 'out']);
    assert.equal(all[index]!.frames()[0]!.opcode, opcode);
  }
  await none.end();
  await stderr.end();
  assert.deepEqual([none.output(), stderr.output()], ['', 'err\n']);
});

test('websocket: earlier output, and what runs', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['echo', 'out'] });
  await served.call('POST', '/containers/c/start');
  await served.call('POST', '/containers/c/wait');
  const attached = await attachByWebsocket(served, '/containers/c/attach/ws?logs=1&stdout=1');
  await attached.end();
  assert.equal(attached.output(), 'out\n');
});

test('websocket: messages are input, pings are answered, a close frame ends input and session', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['cat'], OpenStdin: true, StdinOnce: true });
  const attached = await attachByWebsocket(served, `/containers/c/attach/ws?${STREAMS}`);
  await served.call('POST', '/containers/c/start');
  attached.send(OPCODE.text, 'text ');
  attached.send(OPCODE.ping, 'are you there');
  attached.send(OPCODE.binary, 'x'.repeat(300_000));
  await attached.until(() => attached.output().length === 300_005);
  assert.equal(attached.output(), `text ${'x'.repeat(300_000)}`);
  const pongs = attached.frames().filter(({ opcode }) => opcode === OPCODE.pong);
  assert.deepEqual(
    pongs.map(({ payload }) => payload.toString()),
    ['are you there'],
  );
  attached.send(OPCODE.close, '');
  await attached.end();
  assert.equal(attached.closeCode(), 1000);
  assert.equal((await served.call('POST', '/containers/c/wait')).json.StatusCode, 0, 'cat saw the end of its input');
});

test('websocket: on a terminal the keys let go, and the process stays', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['cat'], OpenStdin: true, Tty: true });
  await served.call('POST', '/containers/c/start');
  const attached = await attachByWebsocket(served, `/containers/c/attach/ws?${STREAMS}&detachKeys=ctrl-x`);
  attached.send(OPCODE.text, 'typed');
  await attached.until(() => attached.output().includes('typed'));
  attached.send(OPCODE.text, '\x18');
  await attached.end();
  assert.equal(attached.closeCode(), 1000);
  assert.equal(served.backend.find('c').record.state.status, 'running');
});

test('websocket: a client that breaks the protocol is told so and let go of, and others are served', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['cat'], OpenStdin: true });
  await served.call('POST', '/containers/c/start');
  const attached = await attachByWebsocket(served, `/containers/c/attach/ws?${STREAMS}`);
  attached.socket.write('GET / HTTP/1.1\r\n\r\n'.repeat(1000));
  await attached.end();
  assert.equal(attached.closeCode(), 1002);
  assert.equal(served.backend.find('c').record.state.status, 'running');
  const other = await attachByWebsocket(served, `/containers/c/attach/ws?${STREAMS}`);
  other.send(OPCODE.text, 'on');
  await other.until(() => other.output() === 'on');
  assert.equal(other.output(), 'on');
});

test('websocket: a client that sends pings and reads nothing does not make the daemon keep their answers', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['cat'], OpenStdin: true });
  await served.call('POST', '/containers/c/start');
  const attached = await attachByWebsocket(served, `/containers/c/attach/ws?${STREAMS}`);
  attached.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => clientFrame(OPCODE.ping, 'p'.repeat(125))));
  for (let count = 0; count < 100; count += 1) if (!attached.socket.write(pings)) await once(attached.socket, 'drain'); // all 13 MB were taken
  attached.socket.resume();
  attached.send(OPCODE.text, 'still here');
  await attached.until(() => attached.output() === 'still here');
  const pongs = attached.frames().filter(({ opcode }) => opcode === OPCODE.pong).length;
  assert.ok(pongs < 50_000, `${pongs} of 100000 pings were answered`);
});

test('websocket: requests that ask for none, or of a container that is not there', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['cat'] });
  assert.equal((await served.call('GET', '/containers/c/attach/ws?stream=1')).status, 400);
  assert.equal(served.backend.calls.at(-1), 'detach');
  const missing = await attachByWebsocket(served, '/containers/nope/attach/ws?stream=1');
  assert.match(missing.head, /^HTTP\/1\.1 404 Not Found\r\n/);
  const keys = await attachByWebsocket(served, '/containers/c/attach/ws?detachKeys=nope');
  assert.match(keys.head, /^HTTP\/1\.1 400 Bad Request\r\n/);
});
