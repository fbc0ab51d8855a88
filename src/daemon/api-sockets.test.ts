import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { silentLog, type Log } from '../base/log.ts';
import { apiWarnings, checkHosts, listenOn, type ApiListening } from './api-sockets.ts';
import { daemonConfig } from './daemon-config.ts';
import { readDaemonOptions } from './options/read.ts';
import { activatedCount, activatedFds, forgetActivation } from './socket-activation.ts';
import { tlsOptions } from './tls-context.ts';

const config = (...argv: string[]) => daemonConfig(readDaemonOptions(['--config-file', '/dev/null', ...argv]));
const listening = (hosts: string[], more: Partial<ApiListening> = {}): ApiListening => ({
  hosts,
  group: '',
  tls: undefined,
  isExplicit: false,
  activated: 0,
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
