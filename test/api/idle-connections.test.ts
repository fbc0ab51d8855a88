/** Connections that never send, or have sent and stay. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_IDLE } from '../../src/api/idle-connections.ts';
import { serve } from './serve.ts';

async function connected(path: string): Promise<Socket> {
  const socket = connect(path).on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

test('of thousands of connections that do nothing the oldest go, and the newest, one that waits and one that is taken over stay', async (t) => {
  const served = await serve(t);
  let letGo = (): void => {};
  const facts = served.backend.system.facts.bind(served.backend.system);
  t.mock.method(served.backend.system, 'facts', async () => {
    await new Promise<void>((resolve) => (letGo = resolve));
    return await facts();
  });
  const waits = served.call('GET', '/info');
  const used = await connected(served.socketPath);
  const answer = () => once(used, 'data').then(([data]) => String(data));
  const ping = () => (used.write('GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n'), answer());
  assert.match(await ping(), /^HTTP\/1\.1 200/);
  const silent: Socket[] = [];
  t.after(() => {
    for (const socket of [used, ...silent]) socket.destroy();
  });
  for (let i = 0; i < MAX_IDLE + 200; i++) {
    if (i % 500 === 0) assert.match(await ping(), /^HTTP\/1\.1 200/, 'whoever has just said something is no old one');
    silent.push(await connected(served.socketPath));
  }
  while (silent.filter((socket) => socket.closed).length < 200) await sleep(5);
  assert.deepEqual(
    silent.slice(-1000).filter((socket) => socket.closed),
    [],
  );
  assert.match(await ping(), /^HTTP\/1\.1 200/);
  letGo();
  assert.equal((await waits).status, 200);
  assert.equal((await served.call('GET', '/_ping')).status, 200);
});

test('one that has not sent the head of a request within five minutes is closed, one that has is not', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const served = await serve(t);
  const [silent, half, whole] = await Promise.all([
    connected(served.socketPath),
    connected(served.socketPath),
    connected(served.socketPath),
  ]);
  t.after(() => whole!.destroy());
  half!.write('GET /_ping HTTP/1.1\r\n');
  whole!.write('GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(whole!, 'data');
  const closed = [silent!, half!].map((socket) => once(socket.resume(), 'close'));
  t.mock.timers.tick(5 * 60_000);
  await Promise.all(closed);
  whole!.write('GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.match(String((await once(whole!, 'data'))[0]), /^HTTP\/1\.1 200/);
});
