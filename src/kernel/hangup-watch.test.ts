import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { createServer, connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { HangupWatch } from './hangup-watch.ts';

const descriptorOf = (socket: Socket): number => (socket as unknown as { _handle: { fd: number } })._handle.fd;

for (const [what, path] of [
  ['a regular file', process.execPath],
  ['a directory', '/'],
  ['a device', '/dev/null'],
  ['one that can be watched', '/proc/self/mounts'],
] as const)
  test(`a watch ends also where the number of a closed descriptor is that of ${what} by then`, async (t) => {
    const watch = new HangupWatch();
    const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    const opened: number[] = [];
    t.after(() => {
      for (const one of opened) closeSync(one);
      watch.close();
      server.close();
    });
    await once(server, 'listening');
    const client = connect((server.address() as { port: number }).port, '127.0.0.1');
    await once(client, 'connect');
    const fd = descriptorOf(client);
    const forget = watch.add(fd, () => {});
    client.destroy();
    await once(client, 'close');
    while (!opened.includes(fd)) {
      opened.push(openSync(path, 'r'));
      assert.ok(opened.length < 1000, 'nobody has the number');
    }
    forget();
  });
