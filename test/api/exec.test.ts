/** Exec on the wire: what is answered before the process starts, framing, errors of state and of the command. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { create, hijacked, joined } from './hijacked.ts';
import { serve, type Served } from './serve.ts';

async function running(served: Served): Promise<void> {
  await create(served, 'c', { Cmd: ['sleep', '60'] });
  await served.call('POST', '/containers/c/start');
}

async function createExec(served: Served, body: object): Promise<string> {
  const streams = { AttachStdout: true, AttachStderr: true };
  const answer = await served.call('POST', '/containers/c/exec', { ...streams, ...body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json.Id;
}

test('exec: a JSON body with an upgrade, both ways of failing, detached', async (t) => {
  const served = await serve(t);
  await create(served, 'c', { Cmd: ['sleep', '60'] });
  assert.equal((await served.call('POST', '/containers/c/exec', { Cmd: ['true'] })).status, 409);
  await served.call('POST', '/containers/c/start');
  assert.equal((await served.call('POST', '/containers/c/exec', {})).json.message, 'No exec command specified');
  const exec = async (body: object) =>
    (await served.call('POST', '/containers/c/exec', { AttachStdout: true, AttachStderr: true, ...body })).json
      .Id as string;
  const id = await exec({ Cmd: ['cat'], AttachStdin: true });
  const started = await hijacked(served, `/exec/${id}/start`, { json: '{"Detach":false,"Tty":false}' });
  assert.match(
    started.head,
    /^HTTP\/1\.1 101 UPGRADED\r\nContent-Type: application\/vnd\.docker\.multiplexed-stream\r\n/,
  );
  started.socket.end('through');
  assert.deepEqual(joined(await started.end()), { 1: 'through' });
  const inspected = (await served.call('GET', `/exec/${id}/json`)).json;
  assert.deepEqual(
    [inspected.ExitCode, inspected.Running, inspected.ProcessConfig],
    [0, false, { tty: false, entrypoint: 'cat', arguments: [], privileged: false }],
  );
  const missing = await hijacked(served, `/exec/${await exec({ Cmd: ['no-such'] })}/start`, { json: '{}' });
  assert.match(joined(await missing.end())[1]!, /executable file not found in \$PATH: unknown\r\n$/);
  assert.equal((await served.call('POST', '/exec/nope/start', {})).status, 404);
  assert.equal(
    (await served.call('POST', `/exec/${await exec({ Cmd: ['true'] })}/start`, { Detach: true })).status,
    200,
  );
});

test('exec: framed or raw as the start asks, whatever the exec was created as', async (t) => {
  const served = await serve(t);
  await running(served);
  for (const Tty of [false, true]) {
    const framed = await hijacked(served, `/exec/${await createExec(served, { Cmd: ['echo', 'hi'], Tty })}/start`, {
      json: '{"Tty":false}',
    });
    assert.match(framed.head, /Content-Type: application\/vnd\.docker\.multiplexed-stream\r\n/);
    assert.deepEqual(joined(await framed.end()), { 1: 'hi\n' });
    const raw = await hijacked(served, `/exec/${await createExec(served, { Cmd: ['echo', 'hi'], Tty })}/start`, {
      json: '{"Tty":true}',
    });
    assert.match(raw.head, /Content-Type: application\/vnd\.docker\.raw-stream\r\n/);
    assert.equal(String(await raw.end()), 'hi\n');
  }
});

test('exec: one that has been started is refused with a status, not on a stream', async (t) => {
  const served = await serve(t);
  await running(served);
  const id = await createExec(served, { Cmd: ['true'] });
  await (await hijacked(served, `/exec/${id}/start`, { json: '{}' })).end();
  const again = await hijacked(served, `/exec/${id}/start`, { json: '{}' });
  assert.match(again.head, /^HTTP\/1\.1 409 Conflict\r\n/);
  assert.match((await hijacked(served, `/exec/nope/start`, { json: '{}' })).head, /^HTTP\/1\.1 404 Not Found\r\n/);
});

test("detach keys that cannot be read are refused by whatever takes them, in Docker's words", async (t) => {
  const served = await serve(t);
  await running(served);
  const id = await createExec(served, { Cmd: ['true'] });
  const refused: [string, object | undefined, string][] = [
    ['/containers/c/exec', { Cmd: ['true'], DetachKeys: 'ctrl-A' }, 'escape'],
    [`/exec/${id}/start`, { DetachKeys: 'ctrl-A' }, 'escape'],
    ['/containers/c/attach?stream=1&stdout=1&detachKeys=ctrl-A', undefined, 'detach'],
  ];
  for (const [path, body, word] of refused) {
    const answer = await served.call('POST', path, body);
    assert.deepEqual([answer.status, answer.json.message], [400, `Invalid ${word} keys (ctrl-A) provided`], path);
  }
});

/** What the first read gets of a client that reads only when `ready`, which is when there is output to send. */
async function firstRead(served: Served, text: string, ready: () => Promise<unknown>): Promise<[string, string]> {
  const socket = connect({ path: served.socketPath });
  socket.pause(); // before it is connected: nothing is read
  socket.write(text);
  await ready();
  const chunks: string[] = [];
  socket.on('data', (chunk) => chunks.push(String(chunk)));
  socket.resume();
  await once(socket, 'end');
  return [chunks[0]!, chunks.slice(1).join('')];
}

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: tcp\r\n';
for (const upgrade of ['', UPGRADE]) {
  const how = upgrade === '' ? 'plain' : 'upgraded';
  test(`exec, ${how}: a client that is late to read, and drops what comes with the head, loses nothing`, async (t) => {
    const served = await serve(t);
    await running(served);
    for (const Cmd of [['echo', 'hi'], ['no-such']]) {
      const id = await createExec(served, { Cmd, Tty: true });
      const start = `POST /exec/${id}/start HTTP/1.1\r\nHost: d\r\n${upgrade}Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{"Tty":true}`;
      const ended = async () => {
        while ((await served.backend.streams.execInspect(id)).exitCode === null) await new Promise(setImmediate);
      };
      const [first, rest] = await firstRead(served, start, ended);
      assert.match(first, /^HTTP\/1\.1 (101|200) .*\r\n\r\n$/s);
      assert.match(rest, /^hi\n$|^OCI runtime exec failed: .*\r\n$/);
    }
  });

  test(`attach, ${how}: a client that is late to read, and drops what comes with the head, loses nothing`, async (t) => {
    const served = await serve(t);
    await create(served, 'c', { Cmd: ['echo', 'hi'], Tty: true });
    const attach = `POST /containers/c/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n${upgrade}Content-Length: 0\r\n\r\n`;
    const [first, rest] = await firstRead(served, attach, async () => {
      while (!served.backend.calls.some((call) => call.startsWith('attach'))) await new Promise(setImmediate);
      await served.call('POST', '/containers/c/start');
      await served.call('POST', '/containers/c/wait');
    });
    assert.match(first, /^HTTP\/1\.1 (101|200) .*\r\n\r\n$/s);
    assert.equal(rest, 'hi\n');
  });
}
