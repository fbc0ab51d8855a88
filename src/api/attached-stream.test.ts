import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { silentLog } from '../base/log.ts';
import { runSession } from './attached-stream.ts';
import type { AttachSession } from './backend/stream.ts';
import { SocketInput } from './socket-input.ts';
import { writeRaw } from './stdcopy.ts';

test('a client that leaves in the middle of the output lets go of what is read for it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-attached-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const server = createServer().listen(join(directory, 'socket'));
  t.after(() => server.close());
  const client = connect(join(directory, 'socket'));
  const [socket] = (await once(server, 'connection')) as [Socket];

  let letGo!: () => void;
  const released = new Promise<void>((resolve) => (letGo = resolve));
  let wake: (() => void) | undefined;
  const output = (async function* () {
    try {
      yield { stream: 'stdout' as const, data: Buffer.from('line') };
      await new Promise<void>((resolve) => (wake = resolve)); // an open file, and more to come
      yield { stream: 'stdout' as const, data: Buffer.from('never read') };
    } finally {
      letGo();
    }
  })();
  const session = {
    tty: false,
    output,
    writeStdin: async () => {},
    closeStdin: async () => {},
    detach: () => wake?.(),
  } as unknown as AttachSession;
  const running = runSession(
    { socket, input: new SocketInput(socket, []), headTaken: async () => {}, whenGone: () => () => {} },
    session,
    { stdin: false, stdout: true, stderr: true, write: writeRaw, detachKeys: Buffer.alloc(0) },
    silentLog,
  );
  await once(client, 'data');
  client.destroy();
  await running;
  await released;
});

test('what was sent is not kept: a session takes no more memory the longer it lasts', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-attached-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const server = createServer().listen(join(directory, 'socket'));
  t.after(() => server.close());
  const client = connect(join(directory, 'socket')).resume();
  const [socket] = (await once(server, 'connection')) as [Socket];
  for (const end of [client, socket]) end.on('error', () => {}); // it is cut off in the end
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  // Memory of buffers is given back by a thread beside, in its own time.
  const megabytesOver = async (limit: number): Promise<number> => {
    let held = 0;
    for (let look = 0; look < 500; look++) {
      collectGarbage();
      held = process.memoryUsage().arrayBuffers / 1e6 - limit;
      if (held < 20) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return held;
  };

  const before = process.memoryUsage().arrayBuffers / 1e6;
  let more = Infinity;
  const output = (async function* () {
    for (let index = 0; index < 1000; index++) {
      yield { stream: 'stdout' as const, data: Buffer.allocUnsafeSlow(100_000) };
      if (index % 100 === 99) await new Promise(setImmediate);
    }
    more = await megabytesOver(before);
  })();
  const session = { tty: false, output, detach: () => {} } as unknown as AttachSession;
  await runSession(
    { socket, input: new SocketInput(socket, []), headTaken: async () => {}, whenGone: () => () => {} },
    session,
    { stdin: false, stdout: true, stderr: true, write: writeRaw, detachKeys: Buffer.alloc(0) },
    silentLog,
  );
  client.destroy();
  assert.ok(more < 20, `of 100 MB that were sent, ${more.toFixed(0)} MB are still held`);
});
