import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import { relayTcp } from './tcp-relay.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What a client gets, and how that ends: 'end' or an error's code. */
function ask(port: number): Promise<string> {
  const client = connect(port, '127.0.0.1');
  let text = '';
  client.on('data', (data) => (text += data.toString()));
  return new Promise((resolve) => {
    client.on('end', () => resolve(`${text} end`)).on('error', ({ message }) => resolve(message));
  });
}

const answering = (): Server => createServer((socket) => void socket.end('hello'));

async function relay(t: TestContext, lookUp: () => { address: string; port: number } | undefined, forMs: number) {
  const port = await freePort();
  const held = relayTcp('127.0.0.1', port, lookUp, forMs);
  t.after(() => held.close());
  return { port, held };
}

test('a client that comes before the program listens is served when it does', async (t) => {
  const port = await freePort();
  const program = answering();
  t.after(() => program.close());
  let attempts = 0;
  const { port: published } = await relay(
    t,
    () => {
      // Each attempt is made at once. By the third one two have been refused.
      if (++attempts === 3) program.listen(port, '127.0.0.1');
      return { address: '127.0.0.1', port };
    },
    600_000,
  );
  assert.equal(await ask(published), 'hello end');
  assert.ok(attempts >= 3);
  assert.equal(await ask(published), 'hello end');
});

test('a client is reset where no program listens in time, or the port is of no container any more', async (t) => {
  const port = await freePort();
  const late = await relay(t, () => ({ address: '127.0.0.1', port }), 0);
  assert.match(await ask(late.port), /ECONNRESET/);
  let attempts = 0;
  const gone = await relay(t, () => (++attempts < 3 ? { address: '127.0.0.1', port } : undefined), 600_000);
  assert.match(await ask(gone.port), /ECONNRESET/);
  assert.equal(attempts, 3);
});

test('no more than a few clients of a port wait; the others are reset at once, and those that waited are served', async (t) => {
  const port = await freePort();
  const program = answering();
  t.after(() => program.close());
  const { port: published } = await relay(t, () => ({ address: '127.0.0.1', port }), 600_000);
  const asked = Array.from({ length: 80 }, () => ask(published));
  let resets = 0;
  for (const one of asked) void one.then((text) => (resets += /ECONNRESET/.test(text) ? 1 : 0));
  while (resets < 16) await new Promise((resolve) => setImmediate(resolve));
  program.listen(port, '127.0.0.1');
  const answers = await Promise.all(asked);
  assert.equal(answers.filter((text) => text === 'hello end').length, 80 - resets);
  assert.ok(resets < 80);
});

test('clients that wait are ended with the port, and are tried no more', async (t) => {
  const port = await freePort();
  let attempts = 0;
  const { port: published, held } = await relay(t, () => (attempts++, { address: '127.0.0.1', port }), 600_000);
  const asked = ask(published);
  while (attempts < 3) await new Promise((resolve) => setImmediate(resolve));
  held.close();
  assert.notEqual(await asked, 'hello end');
  const program = createServer(() => assert.fail('it is tried on'));
  t.after(() => program.close());
  program.listen(port, '127.0.0.1');
  await once(program, 'listening');
  const before = attempts;
  const other = await relay(t, () => undefined, 600_000);
  for (let times = 0; times < 20; times++) assert.match(await ask(other.port), /ECONNRESET/);
  assert.equal(attempts, before);
});
