/** syslog over TLS and unix stream sockets, to receivers as Node has them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { LogPumps } from '../../src/oci/logs/log-pumps.ts';
import type { SyslogTarget } from '../../src/oci/logs/syslog-forwarder.ts';
import { Authority } from '../harness/certificates.ts';

const directory = mkdtempSync(join(tmpdir(), 'causeway-syslog-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const TIME = '2024-05-01T10:00:00.123456789+02:00';
const NO_TLS = { caFile: '', certificateFile: '', keyFile: '', skipVerify: false };
const HEAD = '<30>1 2024-05-01T10:00:00+02:00 host web 7 web - ';
let last = 0;

function begin(t: { after: (work: () => unknown) => void }, target: Partial<SyslogTarget>, text: string) {
  const spoolPath = join(directory, `spool${++last}`);
  writeFileSync(spoolPath, text);
  const warnings: string[] = [];
  const pumps = new LogPumps((_, reason) => warnings.push(reason));
  const forward: SyslogTarget = {
    kind: 'syslog',
    protocol: 'unix',
    host: '127.0.0.1',
    port: 0,
    form: { format: 'rfc5424', counted: false, facility: 3, hostname: 'host', tag: 'web', pid: 7 },
    tls: NO_TLS,
    ...target,
  };
  const limits = { maxBytes: Infinity, maxFiles: 1, compress: false };
  pumps.begin('c', spoolPath, { path: join(directory, `log${last}`), format: { kind: 'plain' }, limits, forward });
  t.after(() => pumps.forget('c'));
  return { pumps, warnings, spoolPath };
}

/** What one connection after the other has brought, and a wait for some of it. */
function receiver(server: Server, event: 'connection' | 'secureConnection') {
  const got = { text: '', sockets: [] as Socket[] };
  let wake = () => {};
  server.on(event, (socket: Socket) => {
    got.sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => {
      got.text += data.toString();
      wake();
    });
  });
  const until = async (text: string) => {
    while (!got.text.includes(text)) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { got, until };
}

test('syslog over a unix stream socket: lines in order, and over a new connection where the server was restarted', async (t) => {
  const path = join(directory, 'stream.sock');
  const listen = async () => {
    const server = createServer();
    const received = receiver(server, 'connection');
    server.listen(path);
    await once(server, 'listening');
    return { server, ...received };
  };
  const first = await listen();
  const lines = Array.from({ length: 2000 }, (_, index) => `line ${index}`);
  const target = { protocol: 'unix', host: path } as const;
  const { pumps, warnings, spoolPath } = begin(t, target, lines.map((line) => `${TIME} stdout F ${line}\n`).join(''));
  await first.until('line 1999\n');
  assert.equal(first.got.text, lines.map((line) => `${HEAD}${line}\n`).join(''));
  assert.equal(first.got.sockets.length, 1, 'one connection for all');
  const gone = once(first.got.sockets[0]!, 'close');
  first.got.sockets[0]!.destroy();
  await Promise.all([gone, new Promise((resolve) => first.server.close(resolve))]);
  const second = await listen();
  t.after(() => second.server.close());
  // The kernel may take one message for a connection whose end is not known here yet, as for any sender over a stream.
  appendFileSync(spoolPath, `${TIME} stdout F into the old connection, perhaps\n`);
  await pumps.settled('c');
  appendFileSync(spoolPath, `${TIME} stderr F after\n`);
  await second.until('after\n');
  assert.ok(second.got.text.endsWith('<27>1 2024-05-01T10:00:00+02:00 host web 7 web - after\n'), second.got.text);
  assert.deepEqual(warnings, []);
  second.got.sockets.forEach((socket) => socket.destroy());
});

test('syslog over TLS: counted messages over a connection that both sides have proved; others get nothing', async (t) => {
  const authority = new Authority(directory, 'authority');
  const stranger = new Authority(directory, 'stranger');
  const server = authority.sign('server', ['127.0.0.1']);
  const client = authority.sign('client');
  const outsider = stranger.sign('outsider');
  const tls = createTlsServer({
    cert: readFileSync(server.cert),
    key: readFileSync(server.key),
    ca: readFileSync(authority.certificate),
    requestCert: true,
    rejectUnauthorized: true,
  });
  tls.on('tlsClientError', () => {});
  const { got, until } = receiver(tls, 'secureConnection');
  tls.listen(0, '127.0.0.1');
  await once(tls, 'listening');
  t.after(() => {
    got.sockets.forEach((socket) => socket.destroy());
    tls.close();
  });
  const { port } = tls.address() as AddressInfo;
  const form = { format: 'rfc5424', counted: true, facility: 3, hostname: 'host', tag: 'web', pid: 7 } as const;
  const target = { protocol: 'tcp+tls', port, form } as const;
  const own = { caFile: authority.certificate, certificateFile: client.cert, keyFile: client.key, skipVerify: false };
  const message = (text: string) => `${HEAD.length + text.length + 1} ${HEAD}${text}\n`;

  const good = begin(t, { ...target, tls: own }, `${TIME} stdout F one\n${TIME} stdout F two\n`);
  await until('two\n');
  assert.equal(got.text, message('one') + message('two'));
  assert.deepEqual(good.warnings, []);

  for (const [what, given, reason] of [
    ['a server of another authority', { ...own, caFile: stranger.certificate }, /self.signed|unable to (get|verify)/i],
    [
      'no certificate of its own',
      { ...own, certificateFile: '', keyFile: '' },
      /certificate required|closed|ECONNRESET|EPIPE/i,
    ],
    [
      'a certificate of another authority',
      { ...own, certificateFile: outsider.cert, keyFile: outsider.key },
      /unknown ca|closed|ECONNRESET|EPIPE/i,
    ],
  ] as const) {
    const { pumps, warnings, spoolPath } = begin(t, { ...target, tls: given }, `${TIME} stdout F secret\n`);
    // TLS 1.3: that the server refuses a certificate is known after the first message.
    for (; warnings.length === 0; await pumps.settled('c')) appendFileSync(spoolPath, `${TIME} stdout F secret\n`);
    assert.match(warnings[0]!, reason, what);
    assert.doesNotMatch(got.text, /secret/, what);
  }

  const careless = { ...own, caFile: stranger.certificate, skipVerify: true };
  begin(t, { ...target, tls: careless }, `${TIME} stdout F all the same\n`);
  await until('all the same\n');
});
