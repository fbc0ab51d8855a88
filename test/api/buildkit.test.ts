/** BuildKit's doors, as its clients use them: a session that is called back, and calls that ask for a build and steer it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { errorMessage } from '../../src/base/errors.ts';
import type { TakenConnection } from '../../src/api/end-connection.ts';
import { streamOf } from '../../src/api/grpc/connection-stream.ts';
import { GrpcClient } from '../../src/api/grpc/grpc-client.ts';
import { GrpcError, NOT_FOUND } from '../../src/base/grpc/grpc-status.ts';
import { serveGrpc, type GrpcMethod } from '../../src/base/grpc/grpc-server.ts';
import { SocketInput } from '../../src/api/socket-input.ts';
import { decode, encode, type MessageValue } from '../../src/wire/protobuf.ts';
import {
  infoResponse,
  listWorkersResponse,
  solveRequest,
  solveResponse,
  statusRequest,
  statusResponse,
} from '../../src/wire/buildkit/control.ts';
import {
  bridgeSolveRequest,
  bridgeSolveResponse,
  pong,
  refRequest,
  returnRequest,
} from '../../src/wire/buildkit/gateway.ts';
import { secretRequest, secretResponse } from '../../src/wire/buildkit/session.ts';
import { BUSYBOX } from './memory-backend.ts';
import { serve } from './serve.ts';

const CONTROL = '/moby.buildkit.v1.Control/';
const BRIDGE = '/moby.buildkit.v1.frontend.LLBBridge/';
const SECRET = '/moby.buildkit.secrets.v1.Secrets/GetSecret';
const never = new AbortController().signal;
const NOTHING = Buffer.alloc(0);

/** The connection that POST `path` upgrades, as docker's client does it. */
async function upgraded(
  socketPath: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Socket> {
  const asked = request({
    socketPath,
    method: 'POST',
    path,
    headers: { Connection: 'Upgrade', Upgrade: 'h2c', 'Content-Length': 0, ...headers },
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

const taken = (socket: Socket): TakenConnection => ({
  socket,
  input: new SocketInput(socket, []),
  headTaken: async () => {},
});

async function caller(t: TestContext, socketPath: string): Promise<GrpcClient> {
  const client = GrpcClient.on(taken(await upgraded(socketPath, '/v1.51/grpc')));
  t.after(() => client.close());
  return client;
}

/** A session of this name whose secrets are these. */
async function session(
  t: TestContext,
  socketPath: string,
  name: string,
  secrets: Readonly<Record<string, string>> = {},
): Promise<Socket> {
  const getSecret: GrpcMethod = async (call) => {
    const { id } = decode(secretRequest, await call.only());
    if (secrets[id] === undefined) throw new GrpcError(NOT_FOUND, `no secret ${id}`);
    await call.send(encode(secretResponse, { data: Buffer.from(secrets[id]) }));
  };
  const socket = await upgraded(socketPath, '/session', {
    'X-Docker-Expose-Session-Uuid': name,
    'X-Docker-Expose-Session-Grpc-Method': SECRET,
  });
  t.after(() => socket.destroy());
  void serveGrpc(streamOf(taken(socket)), {
    methods: new Map([[SECRET, getSecret]]),
    explain: errorMessage,
    failed: () => {},
  });
  return socket;
}

type Solve = Partial<MessageValue<typeof solveRequest>>;

/** Asks for a build, watches it, and steers it as buildx does. */
function buildOn(client: GrpcClient, name: string, asked: Solve = {}, signal = never) {
  const exporters = [{ kind: 'moby', attrs: new Map([['name', 'one,two']]) }];
  const ask = client.unary(
    CONTROL + 'Solve',
    encode(solveRequest, { ref: name, session: name, exporters, ...asked }),
    signal,
  );
  ask.catch(() => {});
  const headers = { 'buildkit-controlapi-buildid': name };
  const steer = async (method: string, message: Buffer): Promise<Buffer> => {
    const stream = client.stream(BRIDGE + method, headers, never);
    await stream.send(message);
    stream.end();
    let answer = NOTHING;
    for await (const one of stream.messages) answer = Buffer.from(one);
    return answer;
  };
  const watch = async (): Promise<MessageValue<typeof statusResponse>[]> => {
    const stream = client.stream(CONTROL + 'Status', {}, never);
    await stream.send(encode(statusRequest, { ref: name }));
    stream.end();
    const updates = [];
    for await (const message of stream.messages) updates.push(decode(statusResponse, Buffer.from(message)));
    return updates;
  };
  const solve = (attrs: Readonly<Record<string, string>> = {}, frontend = 'dockerfile.v0') =>
    steer('Solve', encode(bridgeSolveRequest, { frontend, frontendOpt: new Map(Object.entries(attrs)) }));
  return { ask, steer, watch, solve };
}

test('a client is told of the worker, of what it may ask for, and what is not there', async (t) => {
  const { socketPath } = await serve(t);
  const client = await caller(t, socketPath);
  const { records } = decode(listWorkersResponse, await client.unary(CONTROL + 'ListWorkers', NOTHING, never));
  assert.equal(records.length, 1);
  assert.equal(records[0]!.platforms[0]!.os, 'linux');
  assert.match(decode(infoResponse, await client.unary(CONTROL + 'Info', NOTHING, never)).version!.version, /^v/);
  const { frontendCaps } = decode(pong, await client.unary(BRIDGE + 'Ping', NOTHING, never));
  assert.ok(frontendCaps.some(({ id, enabled }) => id === 'solve.base' && enabled));
  for (const method of [CONTROL + 'ListenBuildHistory', BRIDGE + 'ReadFile', '/some.Service/Method'])
    await assert.rejects(client.unary(method, NOTHING, never), { status: 12 }, method);
});

test('a build is asked for, steered and watched, and asks its client for what it needs', async (t) => {
  const { socketPath, backend } = await serve(t);
  const client = await caller(t, socketPath);
  // In the order in which they happen to come.
  const build = buildOn(client, 'first');
  const watching = build.watch();
  const solving = build.solve({ filename: 'Some.Dockerfile' });
  await session(t, socketPath, 'first', { one: 'hidden' });
  const { result } = decode(bridgeSolveResponse, await solving);
  assert.ok(result?.ref?.id);
  await build.steer('Evaluate', encode(refRequest, { ref: result.ref.id }));
  await build.steer('Return', encode(returnRequest, { result }));
  const { exporterResponse } = decode(solveResponse, await build.ask);
  assert.equal(exporterResponse.get('exported'), 'image one two');
  assert.ok(backend.calls.includes('solved one two'));
  const updates = await watching;
  const ended = updates.flatMap(({ vertexes }) => vertexes).filter(({ completed }) => completed);
  assert.deepEqual(
    ended.map(({ name, cached, error }) => [name, cached, error]),
    [
      ['[internal] load build definition from Some.Dockerfile', false, ''],
      ['[1/3] FROM docker.io/library/busybox:latest', false, ''],
      ['[2/3] RUN true', true, ''],
      ['[3/3] RUN false', false, ''],
    ],
  );
  const [log] = updates.flatMap(({ logs }) => logs);
  assert.equal(log?.text.toString(), 'secret: hidden\n');
  assert.equal(log.vertex, ended[3]!.digest);
});

test('a build that fails says so to all who ask: the one who steers it, who asked for it, and who watches', async (t) => {
  const { socketPath } = await serve(t);
  const client = await caller(t, socketPath);
  await session(t, socketPath, 'failing');
  const build = buildOn(client, 'failing');
  const watching = build.watch();
  const words = 'process "/bin/sh -c false" did not complete successfully: exit code: 1';
  const details = [
    {
      typeUrl: 'github.com/moby/buildkit/errdefs.Source+json',
      value: Buffer.from(
        JSON.stringify({
          info: {
            filename: 'Dockerfile',
            data: Buffer.from('FROM busybox\nRUN true\nENV A=b\n# last\nRUN false\n').toString('base64'),
            language: 'Dockerfile',
          },
          ranges: [{ start: { line: 5 }, end: { line: 5 } }],
        }),
      ),
    },
  ];
  await assert.rejects(build.solve({ target: 'x' }), { message: words, details });
  await build.steer('Return', encode(returnRequest, { error: { code: 2, message: words, details } }));
  await assert.rejects(build.ask, { message: words, status: 2, details });
  const errors = (await watching).flatMap(({ vertexes }) => vertexes).map(({ error }) => error);
  assert.deepEqual(
    errors.filter((error) => error !== ''),
    [words],
  );
});

test('a build without its steering is its frontend alone', async (t) => {
  const { socketPath, backend } = await serve(t);
  const client = await caller(t, socketPath);
  await session(t, socketPath, 'alone');
  const { ask } = buildOn(client, 'alone', { frontend: 'dockerfile.v0' });
  assert.equal(decode(solveResponse, await ask).exporterResponse.get('exported'), 'image one two');
  assert.ok(backend.calls.includes('solved one two'));
});

test('other frontends, build graphs, exporters and caches are refused in words', async (t) => {
  const { socketPath } = await serve(t);
  const client = await caller(t, socketPath);
  await session(t, socketPath, 'refused');
  const { solve, steer, ask } = buildOn(client, 'refused');
  await assert.rejects(solve({}, 'gateway.v0'), { message: /reads Dockerfiles: it has no frontend "gateway.v0"/ });
  const graph = { definition: { operations: [Buffer.from('x')], metadata: new Map<string, object>() } };
  await assert.rejects(steer('Solve', encode(bridgeSolveRequest, graph)), { message: /build graphs \(LLB\)/ });
  await assert.rejects(solve({ requestid: 'frontend.lint' }), { message: /unsupported request/ });
  await assert.rejects(solve({ platform: 'linux/amd64,linux/arm64' }), { message: /one platform at a time/ });
  await steer('Return', encode(returnRequest, {}));
  await ask;
  const refused = (name: string, asked: Solve) => buildOn(client, name, asked).ask;
  await assert.rejects(refused('graph', graph), { message: /build graphs \(LLB\)/ });
  const exporters = [{ kind: 'oci', attrs: new Map<string, string>() }];
  await session(t, socketPath, 'exporter');
  await assert.rejects(refused('exporter', { exporters, frontend: 'dockerfile.v0' }), { message: /exporter "oci"/ });
  const cache = { exports: [{ kind: 's3', attrs: new Map<string, string>() }], imports: [] };
  await assert.rejects(refused('cache', { cache }), { message: /cache exporter "s3"/ });
});

test('a build ends with the call that asked for it, and with its session', async (t) => {
  const { socketPath, backend } = await serve(t);
  const client = await caller(t, socketPath);
  await session(t, socketPath, 'left');
  /** Watches it to its end; calls `then` when something of it has been told. */
  const underWay = async (name: string, then: () => void): Promise<void> => {
    const watching = client.stream(CONTROL + 'Status', {}, never);
    await watching.send(encode(statusRequest, { ref: name }));
    watching.end();
    for await (const message of watching.messages)
      if (decode(statusResponse, Buffer.from(message)).logs.length > 0) then();
  };
  const leaving = new AbortController();
  const build = buildOn(client, 'left', {}, leaving.signal);
  const solving = build.solve({ 'build-arg:forever': 'yes' });
  solving.catch(() => {});
  await underWay('left', () => leaving.abort());
  await assert.rejects(build.ask);
  await assert.rejects(solving, { message: 'context canceled' });
  assert.equal(backend.calls.filter((call) => call === 'solve cancelled').length, 1);

  const socket = await session(t, socketPath, 'cut');
  const cut = buildOn(client, 'cut');
  const waiting = cut.solve({ 'build-arg:forever': 'yes' });
  waiting.catch(() => {});
  const ended = underWay('cut', () => socket.destroy());
  await assert.rejects(waiting, { message: 'context canceled' });
  await cut.steer('Return', encode(returnRequest, { error: { code: 1, message: 'ended', details: [] } }));
  await assert.rejects(cut.ask, { message: 'ended' });
  await ended;
  assert.equal(backend.calls.filter((call) => call === 'solve cancelled').length, 2);
});

test('a session has a name of its own, and an upgrade is an upgrade', async (t) => {
  const { socketPath, call } = await serve(t);
  const socket = await session(t, socketPath, 'twice');
  const again = request({
    socketPath,
    method: 'POST',
    path: '/session',
    headers: { Connection: 'Upgrade', Upgrade: 'h2c', 'X-Docker-Expose-Session-Uuid': 'twice' },
  });
  again.end();
  const [answer] = (await once(again, 'response')) as [IncomingMessage];
  answer.resume();
  assert.equal(answer.statusCode, 409);
  assert.equal(socket.destroyed, false);
  assert.equal((await call('POST', '/session')).status, 400);
  assert.equal((await call('POST', '/grpc')).status, 400);
});

test('what is no HTTP/2 ends the connection, and nothing else', async (t) => {
  const { socketPath, call } = await serve(t);
  for (const path of ['/grpc', '/session']) {
    const socket = await upgraded(socketPath, path, { 'X-Docker-Expose-Session-Uuid': 'odd' });
    socket.on('error', () => {});
    socket.resume();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100));
    await once(socket, 'close');
  }
  assert.equal((await call('GET', '/_ping')).status, 200);
});

/** The lines of an answer, those of the display decoded. */
function told(text: string): { updates: MessageValue<typeof statusResponse>[]; others: unknown[] } {
  const lines = text.split('\r\n').filter((line) => line !== '');
  const all = lines.map((line) => JSON.parse(line) as { id?: string; aux?: string });
  const isTrace = ({ id }: { id?: string }): boolean => id === 'moby.buildkit.trace';
  return {
    updates: all.filter(isTrace).map(({ aux }) => decode(statusResponse, Buffer.from(aux!, 'base64'))),
    others: all.filter((line) => !isTrace(line)),
  };
}

const oneCall = (query: Readonly<Record<string, string>>): string =>
  `/build?${new URLSearchParams({ version: '2', ...query }).toString()}`;

test('clients are advised to use BuildKit, unless the daemon is told otherwise', async (t) => {
  const advice = async (options: object) => {
    const { headers } = await (await serve(t, options)).call('HEAD', '/_ping');
    return headers['builder-version'];
  };
  assert.equal(await advice({}), '2');
  assert.equal(await advice({ buildkitIsDefault: false }), '1');
});

test('a build in one call is told as it goes on, and asks the session for what it needs', async (t) => {
  const { socketPath, backend, call } = await serve(t);
  await session(t, socketPath, 'one', { one: 'hidden' });
  const asked = { session: 'one', remote: 'client-session', dockerfile: 'Some', t: 'mine' };
  const { status, text } = await call('POST', oneCall(asked));
  assert.equal(status, 200);
  const { updates, others } = told(text);
  assert.deepEqual(others, [{ id: 'moby.image.id', aux: { ID: BUSYBOX.id } }]);
  assert.ok(
    updates.some(({ vertexes }) => vertexes.some(({ name }) => name === '[internal] load build definition from Some')),
  );
  assert.equal(updates.flatMap(({ logs }) => logs)[0]!.text.toString(), 'secret: hidden\n');
  assert.ok(backend.calls.includes('solved mine'));
  const quiet = await call('POST', oneCall({ ...asked, q: '1' }));
  assert.equal(quiet.text, `${JSON.stringify({ stream: `${BUSYBOX.id}\n` })}\r\n`);
  const failed = told((await call('POST', oneCall({ ...asked, q: '1', target: 'x' }))).text);
  const message = 'process "/bin/sh -c false" did not complete successfully: exit code: 1';
  assert.deepEqual(failed.others, [{ errorDetail: { message }, error: message }]);
  assert.ok(failed.updates.length > 0, 'a quiet build that fails is told whole');
});

test('a build in one call ends when it is cancelled by its name', async (t) => {
  const { socketPath, backend, call } = await serve(t);
  await session(t, socketPath, 'long');
  const asked = request({
    socketPath,
    method: 'POST',
    path: oneCall({
      session: 'long',
      remote: 'client-session',
      buildid: 'mine',
      buildargs: JSON.stringify({ forever: 'yes' }),
    }),
  });
  asked.end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  let text = '';
  for await (const piece of answer) {
    if (text === '') assert.equal((await call('POST', '/build/cancel?id=mine')).status, 200);
    text += String(piece);
  }
  assert.deepEqual(told(text).others, [{ errorDetail: { message: 'context canceled' }, error: 'context canceled' }]);
  assert.ok(backend.calls.includes('solve cancelled'));
  assert.equal((await call('POST', '/build/cancel?id=mine')).status, 404);
});

test('the context of a build in one call comes in its body, or in a request of its own before it or after it', async (t) => {
  const { socketPath, backend } = await serve(t);
  await session(t, socketPath, 'loading');
  const post = async (query: Readonly<Record<string, string>>, body = ''): Promise<number> => {
    const asked = request({ socketPath, method: 'POST', path: oneCall(query) });
    asked.end(body);
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    answer.resume();
    await once(answer, 'end');
    return answer.statusCode!;
  };
  assert.equal(await post({}, 'in the body'), 200, 'no session is needed for it');
  const build = (id: string) => post({ session: 'loading', remote: 'upload-request', buildid: id });
  const upload = (id: string) => post({ buildid: `upload-request:${id}` }, `of ${id}`);
  assert.deepEqual(await Promise.all([upload('first'), build('first')]), [200, 200]);
  assert.deepEqual(await Promise.all([build('second'), upload('second')]), [200, 200]);
  assert.deepEqual(backend.uploads.map(String), ['in the body', 'of first', 'of second']);
});
