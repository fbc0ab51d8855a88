/** Registries behind TLS and proxies. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { ImageStore } from '../../src/image/image-store.ts';
import { proxyFor } from '../../src/image/registry/transport.ts';
import { parseChallenges } from '../../src/image/registry/challenges.ts';
import { nextPage, takesCredentials } from '../../src/image/registry/registry-client.ts';
import { DEFAULT_REGISTRY_OPTIONS, isInsecure } from '../../src/image/registry/registry-options.ts';
import { importTree, startRegistry, temporaryDirectory } from './image-fixture.ts';

const quiet = () => {};

async function listen(t: TestContext, server: Server & { closeAllConnections?: () => void }): Promise<number> {
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => {
    server.closeAllConnections?.();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** TLS with a certificate that nobody knows, in front of a registry. */
async function tlsFront(t: TestContext, directory: string, target: string): Promise<number> {
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=registry.test',
      '-keyout',
      key,
      '-out',
      cert,
    ],
    { stdio: 'ignore' },
  );
  const [host, port] = target.split(':');
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    const headers = { ...request.headers, 'x-forwarded-proto': 'https' };
    const out = httpRequest({ host, port, method: request.method, path: request.url, headers }, (incoming) => {
      response.writeHead(incoming.statusCode!, incoming.headers);
      incoming.pipe(response);
    });
    request.pipe(out);
  });
  return await listen(t, server);
}

test('a registry of this machine may have any certificate, another may not', async (t) => {
  const directory = temporaryDirectory(t);
  const { address } = await startRegistry(t, directory);
  const port = await tlsFront(t, directory, address);
  const images = await ImageStore.open(join(directory, 'store'), { log: silentLog });
  await importTree(images, directory, `127.0.0.1:${port}/x:1`, 'echo 1 > a');
  await images.push(`127.0.0.1:${port}/x:1`, null, quiet);
  await images.pull(`127.0.0.1:${port}/x:1`, null, '', quiet);

  // A name that only a proxy can reach, by a tunnel for TLS.
  const tunnels: string[] = [];
  const proxy = createServer((_request, response) => response.writeHead(502).end());
  proxy.on('connect', (request, socket) => {
    tunnels.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
    const out = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(out).pipe(socket);
    });
    for (const end of [socket, out]) end.on('error', () => out.destroy());
  });
  process.env['HTTPS_PROXY'] = `http://me:pw@127.0.0.1:${await listen(t, proxy)}`;
  t.after(() => delete process.env['HTTPS_PROXY']);
  const trusting = await ImageStore.open(join(directory, 'trusting'), {
    log: silentLog,
    registries: { ...DEFAULT_REGISTRY_OPTIONS, insecureRegistries: [`registry.test:${port}`] },
  });
  await trusting.pull(`registry.test:${port}/x:1`, null, '', quiet);
  assert.equal(trusting.get(`registry.test:${port}/x:1`).id, images.list()[0]!.id);
  assert.equal(tunnels[0], `registry.test:${port} Basic ${Buffer.from('me:pw').toString('base64')}`);
  const strict = await ImageStore.open(join(directory, 'strict'), { log: silentLog });
  await assert.rejects(strict.pull(`registry.test:${port}/x:1`, null, '', quiet), {
    message: `Get "https://registry.test:${port}/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
  });
  await assert.rejects(strict.pull(`registry.test:1/x:1`, null, '', quiet), { kind: 'system' });
});

test('which proxy', () => {
  const env = { HTTPS_PROXY: 'http://p:3128', http_proxy: 'q:8080', NO_PROXY: 'internal,.corp.example, 10.1.2.3' };
  const proxy = (url: string) => proxyFor(new URL(url), env)?.host;
  assert.equal(proxy('https://registry-1.docker.io/v2/'), 'p:3128');
  assert.equal(proxy('http://quay.io/'), 'q:8080');
  for (const url of [
    'https://internal:5000/',
    'https://a.corp.example/',
    'http://10.1.2.3/',
    'http://localhost:5000/',
    'http://127.9.9.9/',
    'http://[::1]:5000/',
  ]) {
    assert.equal(proxy(url), undefined, url);
  }
  assert.equal(proxyFor(new URL('https://x/'), {}), undefined);
  const corporate = { HTTPS_PROXY: 'p:1', NO_PROXY: '10.0.0.0/8,fd00::/8,registry.corp:5000,::1,192.0.2.0/24' };
  const used = (url: string) => proxyFor(new URL(url), corporate) !== undefined;
  for (const url of ['https://10.20.30.40/', 'https://[fd00::1]:5000/', 'https://registry.corp:5000/'])
    assert.equal(used(url), false, url);
  for (const url of ['https://11.0.0.1/', 'https://[fe00::1]/', 'https://registry.corp/', 'https://10.example.com/'])
    assert.equal(used(url), true, url);
});

test('which registries need no checked TLS', async () => {
  const options = { insecureRegistries: ['plain.test:5000', '10.0.0.0/8', 'fd00::/8'] };
  const names: Record<string, string[]> = {
    'own.test': ['127.0.0.1'],
    'inside.test': ['192.0.2.1', '10.9.9.9'],
    'outside.test': ['192.0.2.1'],
  };
  const resolve = async (name: string) => names[name] ?? Promise.reject(new Error('no such host'));
  for (const host of [
    'localhost:5000',
    '127.0.0.1:5000',
    '127.1.2.3',
    '[::1]:5000',
    'plain.test:5000',
    '10.2.3.4:5000',
    '[fd00::7]:5000',
    'inside.test:5000',
    'own.test:5000',
  ])
    assert.ok(await isInsecure(host, options, resolve), host);
  for (const host of ['registry-1.docker.io', 'plain.test', '11.0.0.1:5000', 'localhost.example.com', 'outside.test'])
    assert.ok(!(await isInsecure(host, options, resolve)), host);
});

test('challenges', () => {
  assert.deepEqual(parseChallenges('Bearer realm="https://a/b",service="x, y",scope="repository:a/b:pull,push"'), [
    { scheme: 'bearer', parameters: { realm: 'https://a/b', service: 'x, y', scope: 'repository:a/b:pull,push' } },
  ]);
  assert.deepEqual(
    parseChallenges('Basic realm="r", Bearer realm=x , service=y').map(({ scheme, parameters }) => [
      scheme,
      parameters['realm'],
    ]),
    [
      ['basic', 'r'],
      ['bearer', 'x'],
    ],
  );
  assert.deepEqual(parseChallenges('Basic'), [{ scheme: 'basic', parameters: {} }]);
  assert.deepEqual(parseChallenges('Negotiate'), []);
  assert.deepEqual(parseChallenges(undefined), []);
});

test('headers made to be looked at again and again are read in one pass', () => {
  // Each character of them looked at for each other would be hours; that this ends is what is tested.
  const blank = ' '.repeat(3_000_000);
  assert.deepEqual(parseChallenges(`Basic realm="x"${blank}!`), [{ scheme: 'basic', parameters: { realm: 'x' } }]);
  assert.deepEqual(parseChallenges(`${'a'.repeat(3_000_000)}${blank}!`), []);
  assert.equal(nextPage('<'.repeat(3_000_000)), undefined);
  assert.equal(nextPage(`<a>${blank};${blank}`), undefined);
  assert.equal(
    nextPage('</v2/_catalog?n=1>; rel="prev", </v2/x/tags/list?last=b>; rel="next"'),
    '/v2/x/tags/list?last=b',
  );
});

test("a registry's credentials go to its own host alone, and never in the clear where it is spoken to by TLS", () => {
  const goes = (registry: string, to: string) => takesCredentials(new URL(registry), new URL(to));
  assert.ok(goes('https://registry.test/v2/', 'https://registry.test/v2/x/blobs/uploads/1?state=y'));
  assert.ok(goes('http://localhost:5000/v2/', 'http://localhost:5000/v2/x/blobs/uploads/1'));
  assert.ok(
    !goes('https://registry.test/v2/', 'http://registry.test/v2/x/blobs/uploads/1'),
    'where the upload continues',
  );
  assert.ok(!goes('https://registry.test/v2/', 'https://registry.test:444/'));
  assert.ok(!goes('https://registry.test/v2/', 'https://registry.test.evil.test/'));
  assert.ok(!goes('https://registry.test/v2/', 'https://evil.test/?registry.test'));
});
