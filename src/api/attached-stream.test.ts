import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
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
    { socket, input: new SocketInput(socket, []), headTaken: async () => {} },
    session,
    { stdin: false, stdout: true, stderr: true, write: writeRaw, detachKeys: Buffer.alloc(0) },
    silentLog,
  );
  await once(client, 'data');
  client.destroy();
  await running;
  await released;
});
