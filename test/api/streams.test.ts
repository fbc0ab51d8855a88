/** Streams on the wire: hijacking, multiplexing, half-closes, detaching, logs, events, progress. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { create, demultiplex, hijacked, joined } from './hijacked.ts';
import { serve, type Served } from './serve.ts';

test('attach: 101, multiplexed output, half-close ends the process input, output comes to its end', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['sh', '-c', 'cat; echo done >&2'], OpenStdin: true, StdinOnce: true });
  const attached = await hijacked(served, '/containers/c/attach?stream=1&stdin=1&stdout=1&stderr=1');
  assert.match(
    attached.head,
    /^HTTP\/1\.1 101 UPGRADED\r\nContent-Type: application\/vnd\.docker\.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n/,
  );
  assert.match(attached.head, /Api-Version: 1\.55\r\n/);
  await served.call('POST', '/containers/c/start');
  const input = 'x'.repeat(3_000_000);
  attached.socket.end(input);
  const texts = joined(await attached.end());
  assert.equal(texts[1], input);
  assert.equal(texts[2], 'done\n');
});

test('attach: content types by version and without an upgrade', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['sh', '-c', 'echo hi'] });
  const old = await hijacked(served, '/v1.41/containers/c/attach?stream=1&stdout=1');
  assert.match(old.head, /101 UPGRADED\r\nContent-Type: application\/vnd\.docker\.raw-stream\r\n/);
  const plain = await hijacked(served, '/containers/c/attach?stream=1&stdout=1', { upgrade: false });
  assert.equal(plain.head, 'HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n');
  await served.call('POST', '/containers/c/start');
  assert.deepEqual(joined(await plain.end()), { 1: 'hi\n' });
  assert.deepEqual(joined(await old.end()), { 1: 'hi\n' });
});

test('attach: only the streams that were asked for', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['sh', '-c', 'echo out; echo err >&2'] });
  const attached = await hijacked(served, '/containers/c/attach?stream=1&stderr=1');
  await served.call('POST', '/containers/c/start');
  assert.deepEqual(joined(await attached.end()), { 2: 'err\n' });
});

test('attach: input sent behind the request, without waiting for the answer, is not lost', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['cat'], OpenStdin: true, StdinOnce: true });
  const attached = await hijacked(served, '/containers/c/attach?stream=1&stdin=1&stdout=1', {
    upgrade: false,
    early: 'early bird\n',
  });
  attached.socket.write('second\n');
  await served.call('POST', '/containers/c/start');
  attached.socket.end();
  assert.deepEqual(joined(await attached.end()), { 1: 'early bird\nsecond\n' });
});

test('attach: input that looks like requests takes nothing from what comes behind it', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['cat'], OpenStdin: true, StdinOnce: true });
  const attached = await hijacked(served, '/containers/c/attach?stream=1&stdin=1&stdout=1', {
    upgrade: false,
    early: 'GET /info HTTP/1.1\r\n\r\n'.repeat(100),
  });
  attached.socket.write('second\n');
  await served.call('POST', '/containers/c/start');
  attached.socket.end();
  assert.deepEqual(joined(await attached.end()), { 1: 'second\n' });
});

test('attach: a client whose input comes long before the answer is made to wait, and loses nothing of it', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['cat'], OpenStdin: true, StdinOnce: true });
  const attach = served.backend.streams.attach.bind(served.backend.streams);
  let letGo!: () => void;
  const blocked = new Promise<void>((resolve) => (letGo = resolve));
  t.mock.method(served.backend.streams, 'attach', async (...given: Parameters<typeof attach>) => {
    await blocked;
    return attach(...given);
  });
  const input = 'x'.repeat(4 * 1024 * 1024);
  const opening = hijacked(served, '/containers/c/attach?stream=1&stdin=1&stdout=1', { upgrade: false, early: input });
  const sender = await new Promise<Socket>((resolve) => served.server.once('connection', resolve));
  for (let seen = -1; sender.bytesRead !== seen;) {
    seen = sender.bytesRead;
    for (let calls = 0; calls < 20; calls++) await served.call('GET', '/_ping');
  }
  assert.ok(sender.bytesRead < 2 * 1024 * 1024, `${sender.bytesRead} bytes are read and kept`);
  letGo();
  const attached = await opening;
  await served.call('POST', '/containers/c/start');
  attached.socket.end();
  assert.equal(joined(await attached.end())[1]?.length, input.length);
});

test('attach and exec: what follows a refused or detached one is not kept, and ends the connection', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['cat'] });
  await served.call('POST', '/containers/c/start');
  const refused = async (): Promise<string> => 'POST /containers/none/attach?stream=1 HTTP/1.1\r\nHost: d\r\n\r\n';
  const detached = async (): Promise<string> => {
    const exec = await served.call('POST', '/containers/c/exec', { Cmd: ['true'] });
    const json = '{"Detach":true}';
    return `POST /exec/${exec.json.Id}/start HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: ${json.length}\r\n\r\n${json}`;
  };
  for (const begun of [refused, detached])
    for (const early of ['', 'no request\n']) {
      const head = await begun();
      const socket = connect({ path: served.socketPath, allowHalfOpen: true }).on('error', () => {});
      let answer = '';
      socket.on('data', (part: Buffer) => (answer += part.toString()));
      const ended = new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
      socket.write(head + early);
      while (!answer.includes('\r\n\r\n')) await once(socket, 'data');
      assert.match(answer, /^HTTP\/1\.1 (404|200) /);
      const endless = setInterval(() => socket.writable && socket.write('no request\n'), 1);
      await ended;
      clearInterval(endless);
      socket.destroy();
    }
});

test('attach: a terminal is raw, and its keys let go without ending the process', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['cat'], OpenStdin: true, Tty: true });
  await served.call('POST', '/containers/c/start');
  const attached = await hijacked(served, '/containers/c/attach?stream=1&stdin=1&stdout=1');
  assert.match(attached.head, /Content-Type: application\/vnd\.docker\.raw-stream\r\n/);
  attached.socket.write('typed \x10 held');
  await attached.until(() => attached.body().includes('held'));
  attached.socket.write('\x10');
  attached.socket.write('\x11not this');
  const all = (await attached.end()).toString();
  assert.equal(all, 'typed \x10 held');
  assert.equal(served.backend.find('c').record.state.status, 'running');
  const other = await hijacked(served, '/containers/c/attach?stream=1&stdin=1&stdout=1&detachKeys=a,b');
  other.socket.write('xab');
  assert.equal((await other.end()).toString().replace('x', ''), '');
});

test('attach: the end of input of one client is not that of a process that others may attach to', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['cat'], OpenStdin: true });
  await served.call('POST', '/containers/c/start');
  const first = await hijacked(served, '/containers/c/attach?stream=1&stdin=1&stdout=1');
  first.socket.write('one\n');
  await first.until(() => first.body().includes('one'));
  first.socket.end();
  await first.end();
  const second = await hijacked(served, '/containers/c/attach?stream=1&stdin=1&stdout=1');
  second.socket.write('two\n');
  await second.until(() => second.body().includes('two'));
  assert.deepEqual(joined(second.body()), { 1: 'two\n' });
});

test('attach: a client that is gone is let go of when output finds it gone', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['sh', '-c', 'while :; do echo x; sleep 0.05; done'] });
  await served.call('POST', '/containers/c/start');
  const attached = await hijacked(served, '/containers/c/attach?stream=1&stdout=1');
  attached.socket.destroy();
  for (let tries = 0; tries < 100 && !served.backend.calls.includes('detach'); tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(served.backend.calls.includes('detach'));
  assert.equal(served.backend.find('c').record.state.status, 'running');
});

test('attach: a slow reader holds nothing up but itself, and gets everything', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['sh', '-c', 'head -c 20000000 /dev/zero'] });
  const attached = await hijacked(served, '/containers/c/attach?stream=1&stdout=1');
  attached.socket.pause();
  await served.call('POST', '/containers/c/start');
  assert.equal(
    (await served.call('POST', '/containers/c/wait')).json.StatusCode,
    0,
    'it ends, whatever the reader does',
  );
  attached.socket.resume();
  const data = await attached.end();
  assert.equal(
    demultiplex(data).reduce((sum, { text }) => sum + text.length, 0),
    20_000_000,
  );
});

function open(served: Served, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: served.socketPath, path, agent: false }, resolve);
    outgoing.on('error', reject);
    outgoing.end();
  });
}

test('logs: framed, with times, followed to the end', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['sh', '-c', 'echo a; sleep 0.1; echo b >&2'] });
  await served.call('POST', '/containers/c/start');
  const incoming = await open(served, '/containers/c/logs?follow=1&stdout=1&stderr=1&timestamps=1');
  assert.equal(incoming.headers['content-type'], 'application/vnd.docker.multiplexed-stream');
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const frames = demultiplex(Buffer.concat(chunks));
  assert.deepEqual(
    frames.map(({ stream }) => stream),
    [1, 2],
  );
  assert.match(frames[0]!.text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z a\n$/);
});

test('wait: headers come before the exit', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['sh', '-c', 'exit 7'] });
  const outgoing = request({
    socketPath: served.socketPath,
    method: 'POST',
    path: '/containers/c/wait?condition=next-exit',
    agent: false,
  });
  outgoing.end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  assert.equal(incoming.statusCode, 200);
  await served.call('POST', '/containers/c/start');
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  assert.equal(text, '{"StatusCode":7}\n');
});

test('events: headers at once, lines as they happen, exact nanoseconds, and an end when the client leaves', async (t) => {
  const served = await serve(t);
  const incoming = await open(served, '/v1.51/events');
  served.backend.emit('container', 'start', 'c'.repeat(64), { image: 'busybox', name: 'c' });
  served.backend.emit('network', 'connect', 'n'.repeat(64), { container: 'c' });
  served.backend.bus.emit('event', {
    type: 'image',
    action: 'tag',
    actorId: 'sha256:1',
    attributes: {},
    timeNs: 1_700_000_000_123_456_789n,
  });
  let text = '';
  for await (const chunk of incoming) {
    text += String(chunk);
    if (text.includes('123456789')) break;
  }
  const lines = text.trim().split('\n');
  const first = JSON.parse(lines[0]!);
  assert.deepEqual(
    [first.status, first.id, first.from, first.Type, first.Action, first.scope],
    ['start', 'c'.repeat(64), 'busybox', 'container', 'start', 'local'],
  );
  assert.deepEqual(JSON.parse(lines[1]!).status, undefined);
  assert.equal(
    lines[2],
    '{"status":"tag","id":"sha256:1","Type":"image","Action":"tag","Actor":{"ID":"sha256:1","Attributes":{}},"scope":"local","time":1700000000,"timeNano":1700000000123456789}',
  );
  for (let tries = 0; tries < 100 && served.backend.bus.listenerCount('event') > 0; tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(served.backend.bus.listenerCount('event'), 0);
});

test('stats of a stopped container, once and as a stream', async (t) => {
  const served = await serve(t);
  await create(served, 'c', {});
  const once1 = (await served.call('GET', '/containers/c/stats?stream=false')).json;
  assert.deepEqual([once1.name, once1.read, once1.memory_stats], ['/c', '0001-01-01T00:00:00Z', {}]);
  const incoming = await open(served, '/containers/c/stats');
  const [line] = (await once(incoming, 'data')) as [Buffer];
  assert.equal(JSON.parse(line.toString()).name, '/c');
  incoming.destroy();
});

test('progress: lines, a late failure on a line of its own, an early one as a status', async (t) => {
  const { call } = await serve(t);
  const pulled = await call('POST', '/images/create?fromImage=busybox&tag=latest');
  assert.equal(pulled.headers['content-type'], 'application/json');
  const lines = pulled.text
    .trim()
    .split('\r\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(lines[1], {
    status: 'Downloading',
    id: 'abc',
    progressDetail: { current: 50, total: 100 },
    progress: `[${'='.repeat(25)}>${' '.repeat(24)}]  50B/100B`,
  });
  const broken = (await call('POST', '/images/create?fromImage=broken')).text.trim().split('\r\n');
  assert.deepEqual(JSON.parse(broken.at(-1)!), { errorDetail: { message: 'unexpected EOF' }, error: 'unexpected EOF' });
  const missing = await call('POST', '/images/create?fromImage=missing&tag=1');
  assert.deepEqual(
    [missing.status, missing.json],
    [404, { message: "pull access denied for missing:1, repository does not exist or may require 'docker login'" }],
  );
  assert.equal((await call('POST', '/images/load', 'tar')).text, '{"stream":"Loaded image: busybox:latest\\n"}\r\n');
  assert.equal((await call('POST', '/images/create?fromImage=Bad')).status, 400);
});
