/** Connections that are taken over, as clients open them, and the frames on them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Served } from './serve.ts';

interface Frame {
  readonly stream: number;
  readonly text: string;
}

export function demultiplex(data: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < data.length;) {
    const size = data.readUInt32BE(at + 4);
    frames.push({ stream: data[at]!, text: data.subarray(at + 8, at + 8 + size).toString() });
    at += 8 + size;
  }
  return frames;
}

/** One text per stream, whatever the frames. */
export function joined(data: Buffer): Record<number, string> {
  const texts: Record<number, string> = {};
  for (const { stream, text } of demultiplex(data)) texts[stream] = (texts[stream] ?? '') + text;
  return texts;
}

export async function create(served: Served, name: string, body: object): Promise<void> {
  const created = await served.call('POST', `/containers/create?name=${name}`, { Image: 'busybox', ...body });
  assert.equal(created.status, 201, created.text);
}

/** Resolves with the next data, the end or the failure of a socket, and leaves no listener behind. */
export async function arrival(socket: Socket): Promise<void> {
  const heard = new AbortController();
  const { signal } = heard;
  const events = ['data', 'end', 'close'].map((event) => once(socket, event, { signal }));
  try {
    await Promise.race(events);
  } finally {
    heard.abort();
    await Promise.allSettled(events);
  }
}

/** Opens a hijacked connection; `body` collects what comes behind the head. */
export async function hijacked(
  served: Pick<Served, 'socketPath'>,
  path: string,
  options: { upgrade?: boolean; early?: string; json?: string } = {},
) {
  const { upgrade = true, early = '', json = '' } = options;
  const socket = connect({ path: served.socketPath, allowHalfOpen: true });
  const upgradeLines = upgrade ? 'Connection: Upgrade\r\nUpgrade: tcp\r\n' : '';
  const type = json === '' ? '' : 'Content-Type: application/json\r\n';
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: docker\r\n${upgradeLines}${type}Content-Length: ${json.length}\r\n\r\n${json}${early}`,
  );
  let received = Buffer.alloc(0);
  let ended = false;
  socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
  socket.on('end', () => (ended = true));
  const until = async (condition: () => boolean) => {
    while (!condition() && !ended) await arrival(socket);
  };
  await until(() => received.includes('\r\n\r\n'));
  const split = received.indexOf('\r\n\r\n') + 4;
  return {
    socket,
    head: received.subarray(0, split).toString(),
    body: () => received.subarray(split),
    until,
    end: async () => {
      await until(() => false);
      return received.subarray(split);
    },
  };
}
