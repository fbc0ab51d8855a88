/** Requests that a client sends without waiting for answers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve, type Served } from './serve.ts';

/** `GET /info` waits at the backend until it is let go; says how many have begun and how many are under way at most. */
function blockInfo(t: TestContext, { backend }: Served) {
  const seen = { begun: 0, most: 0 };
  const blocked: (() => void)[] = [];
  const answer = backend.system.facts.bind(backend.system);
  t.mock.method(backend.system, 'facts', async () => {
    seen.begun++;
    await new Promise<void>((resolve) => {
      blocked.push(resolve);
      seen.most = Math.max(seen.most, blocked.length);
    });
    return await answer();
  });
  return { seen, letGo: () => blocked.shift()?.() };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

test('requests that a client sends at once are served one by one, and none once it has gone', async (t) => {
  const served = await serve(t);
  const { seen, letGo } = blockInfo(t, served);
  const socket = connect(served.socketPath);
  socket.pause();
  socket.write('GET /info HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2000));
  for (let count = 1; count <= 20; count++) {
    await until(() => seen.begun >= count);
    assert.deepEqual(seen, { begun: count, most: 1 });
    letGo();
  }
  await until(() => seen.begun === 21);
  socket.destroy();
  await once(socket, 'close');
  letGo();
  for (let calls = 0; calls < 20; calls++) await served.call('GET', '/_ping');
  assert.deepEqual(seen, { begun: 21, most: 1 });
});

test('requests that a client sends at once are all answered, in order, with their bodies', async (t) => {
  const served = await serve(t);
  const socket = connect(served.socketPath);
  const last = `PUT /containers/c/archive?path=/last HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(300_000)}`;
  await served.call('POST', '/containers/create?name=c', { Image: 'busybox' });
  socket.write(
    Array.from({ length: 2000 }, (_, at) => `GET /containers/gone-${at}/json HTTP/1.1\r\nHost: x\r\n\r\n`).join('') +
      last,
  );
  let text = '';
  socket.on('data', (part: Buffer) => (text += part.toString()));
  await until(() => served.backend.calls.includes('put c /last 300000') && text.endsWith('\r\n\r\n'));
  const named = [...text.matchAll(/No such container: gone-(\d+)/g)].map(([, at]) => Number(at));
  assert.deepEqual(
    named,
    Array.from({ length: 2000 }, (_, at) => at),
  );
  socket.destroy();
});
