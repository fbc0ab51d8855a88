import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import type { Call } from './call.ts';
import { sendTar } from './tar-stream.ts';

/** What a client gets of this, and how it ended. */
async function received(
  t: TestContext,
  tar: () => Readable,
): Promise<{ text: string; whole: boolean; warnings: unknown[] }> {
  const warnings: unknown[] = [];
  const log = { warn: (fields: { error: string }) => void warnings.push(fields.error) };
  const server = createServer(
    (_request, response) => void sendTar({ response, log, loggedPath: '/x' } as unknown as Call, tar()),
  );
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  answer
    .setEncoding('utf8')
    .on('data', (chunk: string) => (text += chunk))
    .on('error', () => {});
  await new Promise<void>((resolve) => answer.on('close', resolve)); // also after an error
  return { text, whole: answer.complete, warnings };
}

test('a tar that is whole ends as one', async (t) => {
  assert.deepEqual(await received(t, () => Readable.from([Buffer.from('abc'), Buffer.from('def')])), {
    text: 'abcdef',
    whole: true,
    warnings: [],
  });
});

test('a tar stream that fails ends with the reason and truncated, never as a complete archive', async (t) => {
  const tar = () =>
    Readable.from(
      (async function* () {
        yield Buffer.from('abc');
        throw new Error('the layer is damaged');
      })(),
    );
  const { text, whole, warnings } = await received(t, tar);
  assert.equal(whole, false);
  assert.equal(text.trim(), 'abc{"errorDetail":{"message":"the layer is damaged"},"error":"the layer is damaged"}');
  assert.deepEqual(warnings, ['the layer is damaged']);
});

test('a client that leaves ends a tar that has nothing to give at the time', async (t) => {
  const tar = new Readable({ read: () => {} });
  tar.push('abc');
  const server = createServer(
    (_request, response) =>
      void sendTar({ response, log: { warn: () => {} }, loggedPath: '/x' } as unknown as Call, tar),
  );
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  await once(answer, 'data');
  const ended = new Promise<void>((resolve) => tar.on('close', resolve));
  request.destroy();
  await ended;
});
