import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { endConnection } from './end-connection.ts';
import { SocketInput } from './socket-input.ts';

const LAST_BYTES = 64 * 1024 * 1024; // more than the kernel takes for a client that does not read
const HOUR_MS = 3_600_000;
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('the last output waits a day for its reader, and not for ever', async (t) => {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
  t.after(() => client.destroy());
  const [socket] = (await once(server, 'connection')) as [Socket];
  client.pause();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const input = new SocketInput(socket, []);
  await endConnection({ socket, input, headTaken: async () => {} }, Buffer.alloc(LAST_BYTES));
  t.mock.timers.tick(23 * HOUR_MS);
  await turn();
  assert.equal(socket.destroyed, false);
  t.mock.timers.tick(2 * HOUR_MS);
  assert.equal(socket.destroyed, true);
});
