/** Clients of the TLS port that nobody knows yet. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { Agent, get as getTls } from 'node:https';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { listenOn } from '../../src/daemon/api-sockets.ts';
import { tlsOptions } from '../../src/daemon/tls-context.ts';
import { MAX_HANDSHAKES } from '../../src/daemon/waiting-handshakes.ts';
import { Authority } from '../harness/certificates.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test('of handshakes that never end the oldest go, and whoever comes with a certificate is served', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-sockets-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const authority = new Authority(directory, 'authority');
  const [server, client] = [authority.sign('server', ['127.0.0.1']), authority.sign('client')];
  const options = tlsOptions({
    mode: 'verify',
    isExplicit: true,
    caFile: authority.certificate,
    certFile: server.cert,
    keyFile: server.key,
  })!;
  const tls = { ...options, handshakeTimeout: 3_600_000 }; // so that it is not what closes them
  const port = await freePort();
  const make = () => createHttpServer((_request, response) => response.end('here'));
  const close = await listenOn(
    make,
    {
      hosts: [`tcp://127.0.0.1:${port}`],
      group: '',
      isExplicit: true,
      activated: 0,
      tls,
      limits: { open: 5000, idle: 1000 },
    },
    silentLog,
  );
  const silent: Socket[] = [];
  t.after(() => {
    for (const socket of silent) socket.destroy();
    return close();
  });
  const [ca, cert, key] = [authority.certificate, client.cert, client.key].map((path) => readFileSync(path));
  const agent = new Agent({ keepAlive: true, ca: ca!, cert: cert!, key: key! });
  t.after(() => agent.destroy());
  const served = async (): Promise<string> => {
    const [response] = (await once(getTls({ host: '127.0.0.1', port, agent }), 'response')) as [IncomingMessage];
    return (await response.toArray()).join('');
  };
  assert.equal(await served(), 'here');
  for (let i = 0; i < MAX_HANDSHAKES + 200; i++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    socket.resume().write(Buffer.from('1603010200010001fc0303', 'hex')); // the beginning of a handshake
    silent.push(socket);
  }
  while (silent.filter((socket) => socket.closed).length < 200) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(
    silent.slice(0, 200).every((socket) => socket.closed),
    'the oldest',
  );
  assert.equal(await served(), 'here', 'on the connection that was there before');
  const another = new Agent({ ca: ca!, cert: cert!, key: key! });
  const [response] = (await once(getTls({ host: '127.0.0.1', port, agent: another }), 'response')) as [IncomingMessage];
  assert.equal(response.statusCode, 200, 'on a new one');
  response.resume();
});
