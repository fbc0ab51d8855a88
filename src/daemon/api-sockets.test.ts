import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, get, type IncomingMessage, type Server } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog, type Log } from '../base/log.ts';
import { apiWarnings, checkHosts, listenOn, type ApiListening } from './api-sockets.ts';
import { daemonConfig } from './daemon-config.ts';
import { readDaemonOptions } from './options/read.ts';
import { clientLimits } from './client-limits.ts';
import { activatedCount, activatedFds, forgetActivation } from './socket-activation.ts';
import { tlsOptions } from './tls-context.ts';

const config = (...argv: string[]) => daemonConfig(readDaemonOptions(['--config-file', '/dev/null', ...argv]));
const listening = (hosts: string[], more: Partial<ApiListening> = {}): ApiListening => ({
  hosts,
  group: '',
  tls: undefined,
  isExplicit: false,
  activated: 0,
  limits: { open: 5000, idle: 1000 },
  ...more,
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function warningsAt(hosts: string[], more: Partial<ApiListening> = {}): Promise<string[]> {
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (_fields, message) => warnings.push(message) };
  const close = await listenOn(() => createHttpServer(), listening(hosts, more), log);
  await close();
  return warnings;
}

test('TCP without client verification warns in the words of dockerd, at more than loopback with the way out', async () => {
  const [insecure, browser, certificates, override] = [
    /^Binding to IP address without --tlsverify is insecure/,
    /^Binding to an IP address, even on localhost/,
    /^Please consider generating tls certificates/,
    /^You can override this/,
  ];
  const matches = (found: string[], expected: RegExp[]) => {
    assert.equal(found.length, expected.length, found.join('\n'));
    for (const [index, sentence] of expected.entries()) assert.match(found[index]!, sentence);
  };
  matches(await warningsAt([`tcp://127.0.0.1:${await freePort()}`]), [insecure, browser]);
  const everywhere = [`tcp://0.0.0.0:${await freePort()}`];
  matches(await warningsAt(everywhere), [insecure, browser, certificates, override]);
  matches(await warningsAt(everywhere, { isExplicit: true }), [insecure, browser]);
  matches(await warningsAt(everywhere, { tls: { requestCert: false } }), [insecure, browser, certificates, override]);
  matches(await warningsAt(everywhere, { tls: { requestCert: true } }), []);
});

test('info warns of addresses that others reach without a certificate', () => {
  const warnings = (...argv: string[]) => apiWarnings(config(...argv)).map((one) => one.split('. Access')[0]);
  assert.deepEqual(warnings('-H', 'tcp://127.0.0.1:2375', '-H', 'unix://'), []);
  assert.deepEqual(warnings('-H', 'tcp://0.0.0.0:2375'), [
    'API is accessible on http://0.0.0.0:2375 without encryption',
  ]);
  assert.deepEqual(warnings('-H', 'tcp://0.0.0.0', '--tls', '--tlsverify=false'), [
    'API is accessible on https://0.0.0.0:2376 without TLS client verification',
  ]);
  assert.deepEqual(warnings('-H', 'tcp://0.0.0.0', '--tls'), []);
});

test('what follows from --tls and --tlsverify is what follows with dockerd', () => {
  const mode = (...argv: string[]) => config(...argv).tls.mode;
  assert.deepEqual(
    [
      mode(),
      mode('--tls'),
      mode('--tlsverify'),
      mode('--tlsverify=false'),
      mode('--tls', '--tlsverify=false'),
      mode('--tls=false'),
    ],
    ['off', 'verify', 'verify', 'server', 'server', 'off'],
  );
});

test('certificates that cannot be used are refused before anything is listened on', () => {
  const tls = (certFile: string, keyFile: string, caFile = '/nope/ca') =>
    tlsOptions({ mode: 'verify', isExplicit: true, certFile, keyFile, caFile });
  assert.throws(
    () => tls('', ''),
    /^CausewayError: invalid TLS configuration: could not load X509 key pair \(cert: "", key: ""\): .*--tlscert/,
  );
  assert.throws(
    () => tls('/nope/cert', '/nope/key'),
    /could not load X509 key pair \(cert: "\/nope\/cert", .*no such file/,
  );
  assert.throws(
    () => tls('/etc/hostname', '/etc/hostname'),
    /could not load X509 key pair .* Make sure the key is not encrypted/,
  );
  assert.throws(() => tls('/dev/zero', '/dev/zero'), /is no regular file/);
  assert.equal(tlsOptions({ mode: 'off', isExplicit: false, certFile: '', keyFile: '', caFile: '' }), undefined);
});

test('sockets of systemd are those for this process, by number or all', async () => {
  const own = { LISTEN_PID: String(process.pid), LISTEN_FDS: '2', LISTEN_FDNAMES: 'a:b' };
  assert.equal(activatedCount(own), 2);
  assert.equal(activatedCount({ ...own, LISTEN_PID: '1' }), 0);
  assert.equal(activatedCount({ ...own, LISTEN_FDS: '-1' }), 0);
  assert.equal(activatedCount({}), 0);
  const environment: NodeJS.ProcessEnv = { ...own, PATH: '/bin' };
  forgetActivation(environment);
  assert.deepEqual(environment, { PATH: '/bin' });
  assert.deepEqual(
    [activatedFds('fd://', 2), activatedFds('fd://*', 2), activatedFds('fd://4', 2)],
    [[3, 4], [3, 4], [4]],
  );
  assert.throws(() => activatedFds('fd://5', 2), /too few socket activated files passed in by systemd/);
  assert.throws(() => activatedFds('fd://x', 2), /failed to parse systemd fd address: should be a number: x/);
  await assert.rejects(
    checkHosts(listening(['fd://'])),
    /no sockets found via socket activation: make sure the service was started by systemd/,
  );
});

test('half of the descriptors are for clients, shared by the listeners', () => {
  assert.deepEqual(clientLimits(1, 524_288), { open: 262_144, idle: 4096 });
  assert.deepEqual(clientLimits(2, 4096), { open: 1024, idle: 512 });
  assert.deepEqual(clientLimits(1, Infinity), { open: Infinity, idle: 4096 });
});

test('a client too many is sent away at once, and the place of one that goes is free', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-sockets-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const port = await freePort();
  const hosts = [`unix://${join(directory, 'api')}`, `tcp://127.0.0.1:${port}`];
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (_fields, message) => warnings.push(message) };
  const make = () => createHttpServer((_request, response) => response.end('here'));
  const close = await listenOn(make, listening(hosts, { limits: { open: 3, idle: 1 } }), log);
  t.after(close);
  for (const place of [{ path: join(directory, 'api') }, { port, host: '127.0.0.1' }]) {
    const clients = Array.from({ length: 3 }, () => connect(place));
    await Promise.all(clients.map((client) => once(client, 'connect')));
    const asked = (client: Socket) => (client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), once(client, 'data'));
    await Promise.all(clients.map(asked));
    const refused = connect(place).on('error', () => {});
    await once(refused.resume(), 'close');
    await asked(clients[0]!);
    clients[0]!.destroy();
    for (let served = false; !served;) {
      const next = connect(place).on('error', () => {});
      served = await Promise.race([asked(next).then(() => true), once(next, 'close').then(() => false)]);
      next.destroy();
    }
    for (const client of clients) client.destroy();
  }
  assert.ok(warnings.includes('a client of the API was sent away: there are too many'));
});

test('connections that cannot be accepted are warned of, and those that come later are answered', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-sockets-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const socketPath = join(directory, 'api');
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (_fields, message) => warnings.push(message) };
  let server!: Server;
  const make = () => (server = createHttpServer((_request, response) => response.end('here')));
  const close = await listenOn(make, listening([`unix://${socketPath}`]), log);
  try {
    // As Node tells of accept(2) when the host has no descriptor left.
    for (let times = 0; times < 2; times++)
      server.emit('error', Object.assign(new Error('accept ENFILE'), { code: 'ENFILE' }));
    const [response] = (await once(get({ socketPath }), 'response')) as [IncomingMessage];
    assert.equal(response.statusCode, 200);
    response.resume();
    await once(response, 'end');
    assert.deepEqual(warnings, Array(2).fill('a connection to the daemon could not be accepted'));
  } finally {
    await close();
  }
});

test('a socket whose listener has no room for more clients is not taken from it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-sockets-'));
  const path = join(directory, 'busy');
  const program = `require('net').createServer().listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => {
    require('fs').writeSync(1, 'listening');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  })`;
  const busy = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const clients: Socket[] = [];
  t.after(() => {
    busy.kill('SIGKILL');
    for (const client of clients) client.destroy();
    rmSync(directory, { recursive: true, force: true });
  });
  await once(busy.stdout, 'data');
  for (let full = false; !full;) {
    const client = connect(path);
    clients.push(client);
    full = await new Promise((resolve) =>
      client.once('connect', () => resolve(false)).once('error', () => resolve(true)),
    );
  }
  await assert.rejects(
    checkHosts(listening([`unix://${path}`])),
    /address already in use: another daemon answers on it/,
  );
});

test('the kernel asks now and then whether a client of a TCP address is still there', async (t) => {
  const port = await freePort();
  const server = createHttpServer(() => {}); // never answers, as one who follows
  const close = await listenOn(() => server, listening([`tcp://127.0.0.1:${port}`]), silentLog);
  t.after(close);
  const client = connect(port, '127.0.0.1');
  t.after(() => client.destroy());
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(server, 'request');
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const timerOf = () =>
    readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .find(([, local, , state]) => local?.endsWith(`:${hexPort}`) && state === '01')?.[5];
  while (timerOf()?.startsWith('01')) await new Promise((wake) => setTimeout(wake, 10)); // what was sent is not acknowledged yet
  assert.match(timerOf() ?? 'no connection', /^02:/, 'the timer of keepalive');
});
