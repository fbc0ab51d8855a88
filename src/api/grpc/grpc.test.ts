import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { errorMessage, invalid } from '../../base/errors.ts';
import type { TakenConnection } from '../end-connection.ts';
import { SocketInput } from '../socket-input.ts';
import { streamOf } from './connection-stream.ts';
import { GrpcClient } from './grpc-client.ts';
import { frame, readFrames } from '../../base/grpc/grpc-frames.ts';
import { serveGrpc, type GrpcMethod } from '../../base/grpc/grpc-server.ts';
import { decodeSentence, encodeSentence } from '../../base/grpc/grpc-status.ts';

const taken = (socket: Socket): TakenConnection => ({
  socket,
  input: new SocketInput(socket, []),
  headTaken: async () => {},
});

/** Both ends of a connection: a client of ours, and a server of ours with these methods. */
async function pair(t: TestContext, methods: Readonly<Record<string, GrpcMethod>>) {
  const directory = mkdtempSync(join(tmpdir(), 'grpc-'));
  const failed: string[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    void serveGrpc(streamOf(taken(socket)), {
      methods: new Map(Object.entries(methods)),
      explain: errorMessage,
      failed: (path, error) => failed.push(`${path} ${errorMessage(error)}`),
    });
  });
  server.listen(join(directory, 'socket'));
  await once(server, 'listening');
  const socket = connect(join(directory, 'socket'));
  await once(socket, 'connect');
  const client = GrpcClient.on(taken(socket));
  t.after(() => {
    client.close();
    server.close();
    rmSync(directory, { recursive: true });
  });
  return { client, failed };
}

const never = new AbortController().signal;

test('a call with one message each way is answered, however long they are', async (t) => {
  const { client } = await pair(t, {
    '/echo': async (call) => call.send(await call.only()),
  });
  for (const size of [0, 1, 70_000, 3_000_000]) {
    const message = Buffer.alloc(size, 'x');
    assert.ok((await client.unary('/echo', message, never)).equals(message), `${size} bytes`);
  }
});

test('a call that fails ends with its words, whatever is in them', async (t) => {
  const sentence = 'not 100% good: "ä" 不好';
  const { client, failed } = await pair(t, {
    '/fail': async (call) => {
      await call.only();
      throw invalid(sentence);
    },
  });
  await assert.rejects(client.unary('/fail', Buffer.alloc(0), never), { message: sentence, status: 2 });
  await assert.rejects(client.unary('/none', Buffer.alloc(0), never), { status: 12, kind: 'notImplemented' });
  assert.deepEqual(failed, [`/fail ${sentence}`]);
});

test('a call that fails while it is read ends with its words', async (t) => {
  const { client } = await pair(t, {
    '/fail': async (call) => {
      for await (const _ of call.messages) throw invalid('enough of it');
    },
  });
  const stream = client.stream('/fail', {}, never);
  for (let i = 0; i < 3; i++) await stream.send(Buffer.alloc(100_000));
  await assert.rejects(async () => {
    for await (const _ of stream.messages);
  }, /enough of it/);
});

test('messages go both ways at once, and a call that is cancelled tells the other side', async (t) => {
  let tellCancelled!: () => void;
  const cancelled = new Promise<void>((resolve) => (tellCancelled = resolve));
  const { client } = await pair(t, {
    '/double': async (call) => {
      for await (const message of call.messages) await call.send(Buffer.concat([message, message]));
    },
    '/forever': async (call) => {
      await call.send(Buffer.from('begun'));
      call.signal.addEventListener('abort', tellCancelled);
      await cancelled;
    },
  });
  const stream = client.stream('/double', {}, never);
  const answers: string[] = [];
  await stream.send(Buffer.from('a'));
  for await (const answer of stream.messages) {
    answers.push(answer.toString());
    if (answers.length === 3) stream.end();
    else await stream.send(answer);
  }
  assert.deepEqual(answers, ['aa', 'aaaa', 'aaaaaaaa']);

  const leaving = new AbortController();
  const forever = client.stream('/forever', {}, leaving.signal);
  const messages = forever.messages[Symbol.asyncIterator]();
  assert.equal((await messages.next()).value?.toString(), 'begun');
  leaving.abort();
  await cancelled;
  await assert.rejects(messages.next());
});

test('a message that is longer than agreed, compressed or cut off is refused', async () => {
  const read = async (...chunks: Buffer[]): Promise<string[]> => {
    const messages: string[] = [];
    const source = (async function* () {
      yield* chunks;
    })();
    for await (const message of readFrames(source, 10)) messages.push(message.toString());
    return messages;
  };
  const two = Buffer.concat([frame(Buffer.from('one')), frame(Buffer.from('')), frame(Buffer.from('two'))]);
  assert.deepEqual(await read(two), ['one', '', 'two']);
  assert.deepEqual(await read(...[...two].map((byte) => Buffer.from([byte]))), ['one', '', 'two']);
  await assert.rejects(read(frame(Buffer.alloc(11))), /longer than 10/);
  await assert.rejects(read(Buffer.from([1, 0, 0, 0, 0])), /compressed/);
  await assert.rejects(read(two.subarray(0, -1)), /cut off/);
  await assert.rejects(read(Buffer.from([0, 0])), /cut off/);
});

test('sentences are escaped as in the specification', () => {
  assert.equal(encodeSentence('a%ä\n'), 'a%25%C3%A4%0A');
  for (const text of ['', 'plain', '100%', '%zz', 'ä\n不']) assert.equal(decodeSentence(encodeSentence(text)), text);
  assert.equal(decodeSentence('%zz%4'), '%zz%4');
});
